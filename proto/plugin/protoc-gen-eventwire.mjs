#!/usr/bin/env node
/**
 * A protoc plugin: writes what people read of the contract, `openapi.json` and `api.md`, and the errors that the gateway
 * answers, `errors.ts`, out of the same descriptors.
 */

import { createEcmaScriptPlugin, runNodeJs } from "@bufbuild/protoplugin";
import { apiDocs } from "./api-docs.mjs";
import { createContract } from "./contract.mjs";
import { errorsTs } from "./errors-ts.mjs";
import { openApi } from "./openapi.mjs";

runNodeJs(
  createEcmaScriptPlugin({
    name: "protoc-gen-eventwire",
    version: "v1",
    generateTs(schema) {
      const contract = createContract(schema, "eventwire.v1");
      schema.generateFile("openapi.json").print(JSON.stringify(openApi(contract), null, 2));
      schema.generateFile("api.md").print(apiDocs(contract));
      schema.generateFile("errors.ts").print(errorsTs(contract));
    },
  }),
);
