/**
 * gRPC server reflection, from which tools such as grpcurl and `buf curl` learn the schema. The node serves version v1,
 * and v1alpha for older tools.
 */

import {
  createFileRegistry,
  createRegistry,
  type DescFile,
  type DescMessage,
  type DescService,
  fromJson,
  type JsonValue,
  type MessageInitShape,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import {
  file_grpc_reflection_v1_reflection,
  ServerReflection,
  type ServerReflectionRequest,
  type ServerReflectionResponseSchema,
} from "../../../gen/grpc/reflection/v1/reflection_pb.js";
import { AppError } from "../../domain/errors.js";
import { toConnectError } from "../../rpc/errors/rpc-error.js";
import { enter } from "../../rpc/protocols/call-context.js";
import { incoming } from "../../rpc/protocols/incoming-stream.js";

type Answer = NonNullable<MessageInitShape<typeof ServerReflectionResponseSchema>["messageResponse"]>;

/** Most requests on one reflection stream. A tool needs some dozens to learn the whole schema. */
const requestsMax = 256;

export interface ReflectionOptions {
  /** Aborted when the node closes. Open reflection streams then end. */
  readonly shutdown: AbortSignal;
  /** Resolves when the next reflection request may be answered. */
  readonly turn: () => Promise<void>;
}

/**
 * Adds reflection to `router`. Clients can then ask for the schema of `services` and of the reflection service itself.
 */
export function addReflection(
  router: ConnectRouter,
  services: readonly DescService[],
  { shutdown, turn }: ReflectionOptions,
): void {
  const described = [...services, ServerReflection];
  const files = new Map(described.flatMap(({ file }) => [...closure(file)]));
  const registry = createRegistry(...files.values());
  const answers = new Map([...files.values()].map((file) => [file, encode(file)]));

  function fileOfSymbol(name: string): DescFile | undefined {
    const parent = name.slice(0, Math.max(0, name.lastIndexOf(".")));
    return (registry.get(name) ?? registry.get(parent))?.file;
  }

  function answer({ messageRequest: { case: kind, value } }: ServerReflectionRequest): Answer {
    switch (kind) {
      case "listServices":
        return {
          case: "listServicesResponse",
          value: { service: described.map(({ typeName }) => ({ name: typeName })) },
        };
      case "fileByFilename":
        return fileAnswer(answers, files.get(value), value);
      case "fileContainingSymbol":
        return fileAnswer(answers, fileOfSymbol(value), value);
      case "fileContainingExtension": {
        const extendee = registry.getMessage(value.containingType);
        const extension = extendee && registry.getExtensionFor(extendee, value.extensionNumber);
        return fileAnswer(answers, extension?.file, `${value.containingType} ${value.extensionNumber}`);
      }
      case "allExtensionNumbersOfType":
        return extensionNumbers(value);
      case undefined:
        return { case: "errorResponse", value: { errorCode: Code.InvalidArgument, errorMessage: "Empty request" } };
    }
  }

  function extensionNumbers(typeName: string): Answer {
    const extendee: DescMessage | undefined = registry.getMessage(typeName);
    if (extendee === undefined) return notFound(typeName);
    const extensionNumber: number[] = [];
    for (const type of registry)
      if (type.kind === "extension" && type.extendee.typeName === typeName) extensionNumber.push(type.number);
    return { case: "allExtensionNumbersResponse", value: { baseTypeName: typeName, extensionNumber } };
  }

  for (const service of [ServerReflection, alphaReflection()] as (typeof ServerReflection)[])
    router.service(service, {
      async *serverReflectionInfo(requests, context) {
        enter(context);
        try {
          let left = requestsMax;
          for await (const request of incoming(requests, [context.signal, shutdown], "INVALID_REQUEST_BODY")) {
            if (left-- === 0) throw new ConnectError("Too many requests on one stream", Code.ResourceExhausted);
            await turn();
            yield { validHost: request.host, originalRequest: request, messageResponse: answer(request) };
          }
        } catch (error) {
          throw error instanceof ConnectError ? error : toConnectError(AppError.from(error));
        }
      },
    });
}

function fileAnswer(answers: ReadonlyMap<DescFile, Answer>, file: DescFile | undefined, name: string): Answer {
  return (file && answers.get(file)) ?? notFound(name);
}

/**
 * Encodes the descriptors of a file and of all files that it imports. Each answer is made once, at the start, because
 * encoding takes 5 ms.
 */
function encode(file: DescFile): Answer {
  const fileDescriptorProto = [...closure(file).values()].map(({ proto }) =>
    toBinary(FileDescriptorProtoSchema, proto),
  );
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto } };
}

function notFound(name: string): Answer {
  return { case: "errorResponse", value: { errorCode: Code.NotFound, errorMessage: `Not found: ${name}` } };
}

/** Returns a file and all files that it imports, by name. */
function closure(file: DescFile, found = new Map<string, DescFile>()): Map<string, DescFile> {
  if (found.has(file.proto.name)) return found;
  found.set(file.proto.name, file);
  for (const dependency of file.dependencies) closure(dependency, found);
  return found;
}

/** Makes the reflection service of version v1alpha, which is v1 under another package name. */
function alphaReflection(): DescService {
  const json = JSON.stringify(toJson(FileDescriptorProtoSchema, file_grpc_reflection_v1_reflection.proto));
  const renamed = json.replaceAll("grpc.reflection.v1", "grpc.reflection.v1alpha").replaceAll("/v1/", "/v1alpha/");
  const proto = fromJson(FileDescriptorProtoSchema, JSON.parse(renamed) as JsonValue);
  const service = createFileRegistry(proto, () => undefined).getService("grpc.reflection.v1alpha.ServerReflection");
  if (service === undefined) throw new Error("the reflection descriptor has no service");
  return service;
}
