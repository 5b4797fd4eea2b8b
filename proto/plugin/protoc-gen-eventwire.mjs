#!/usr/bin/env node
/**
 * A protoc plugin. It writes what people read of the contract, `openapi.json` and `api.md`, and what code without Protobuf
 * needs of it: the errors, the closes, and the types of the frames.
 */

import { createEcmaScriptPlugin, runNodeJs } from "@bufbuild/protoplugin";
import { apiDocs } from "./api-docs.mjs";
import { closesTs } from "./closes-ts.mjs";
import { createContract } from "./contract.mjs";
import { errorsTs } from "./errors-ts.mjs";
import { framesTs } from "./frames-ts.mjs";
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
      schema.generateFile("closes.ts").print(closesTs(contract));
      schema.generateFile("frames.ts").print(framesTs(contract));
    },
  }),
);
