/**
 * The settings of `tail` and `publish`, the commands that speak to a running service. `docs/SETTINGS.md` is generated
 * from this table too.
 */

import { publicUrl, visibleToken } from "./setting-kinds.js";

export const clientSettingTable = {
  url: {
    env: "EVENTWIRE_URL",
    kind: publicUrl(),
    fallback: "http://localhost:8080",
    meaning:
      "Gateway that the commands `tail` and `publish` speak to: its public port. `publish` is faster with the service port, and takes either.",
  },
  token: {
    env: "EVENTWIRE_TOKEN",
    kind: visibleToken(1),
    fallback: undefined,
    shown: "none",
    secret: true,
    meaning:
      "Token with which `tail` and `publish` call. `publish` needs the token of an account. The option `--token-file` takes a file in place of this variable.",
  },
} as const;
