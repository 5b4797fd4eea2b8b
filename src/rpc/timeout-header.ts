/** Deadlines that are longer than a Node timer can run: they would fire at once. */

const timerMsMax = 2 ** 31 - 1;
const unitMs: Record<string, number> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** Removes such a deadline: 24 days are as good as none. */
export function clampTimeout(header: Headers): void {
  const [, amount, unit = ""] = /^(\d{1,8})([HMSmun])$/.exec(header.get("grpc-timeout") ?? "") ?? [];
  if (amount !== undefined && Number(amount) * (unitMs[unit] ?? 0) > timerMsMax) header.delete("grpc-timeout");
  const connectMs = /^\d{1,10}$/.exec(header.get("connect-timeout-ms") ?? "")?.[0];
  if (connectMs !== undefined && Number(connectMs) > timerMsMax) header.delete("connect-timeout-ms");
}
