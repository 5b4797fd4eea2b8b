/** Preloaded into the Node servers: on SIGUSR2 they collect garbage, so that memory is what is kept and nothing else. */

process.on("SIGUSR2", () => globalThis.gc());
