/** A call of the table that every face answers alike, and what it takes to make it. */

import type { DescMessage, DescMethodUnary, MessageInitShape } from "@bufbuild/protobuf";
import type { Reason } from "../../src/domain/errors.js";
import type { Face } from "./rpc-faces.js";

/** What a row needs to know of the face that it runs on: instances of its own, so that the faces do not meet. */
export interface Stage {
  readonly desk: string;
  readonly other: string;
  readonly deskToken: string;
  readonly account: string;
}

export interface Row {
  call(face: Face, stage: Stage): ReturnType<Face["call"]>;
  /** An answer, in which the stage's names stand, or a reason of the catalogue. */
  readonly outcome: ((stage: Stage) => object) | Reason;
}

type Token = keyof Stage | "none" | "unknown";

/** `token` names whose token the call has. */
export function row<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  token: Token,
  request: (stage: Stage) => MessageInitShape<I>,
  outcome: Row["outcome"],
): Row {
  return {
    call: (face, stage) => {
      const value = token === "none" ? undefined : token === "unknown" ? "nobody's" : stage[token];
      return face.call(method, request(stage), value === undefined ? {} : { token: value });
    },
    outcome,
  };
}

/** The data of an event as JSON text. */
export const json = (text: string) => ({ case: "dataJson" as const, value: Buffer.from(text) });
