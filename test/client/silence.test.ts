/** When a client takes its gateway for gone. */

import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Silence } from "../../src/client/silence.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("is noticed after two heartbeats, once", () => {
  const onSilent = vi.fn();
  new Silence().watch(24, onSilent);
  vi.advanceTimersByTime(48_000);
  expect(onSilent).not.toHaveBeenCalled();
  vi.advanceTimersByTime(6_000);
  expect(onSilent).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(600_000);
  expect(onSilent).toHaveBeenCalledTimes(1);
});

it("begins anew with each frame, and ends with the connection", () => {
  const onSilent = vi.fn();
  const silence = new Silence();
  silence.watch(24, onSilent);
  for (let i = 0; i < 20; i++) {
    vi.advanceTimersByTime(47_000);
    silence.heard();
  }
  silence.stop();
  vi.advanceTimersByTime(600_000);
  expect(onSilent).not.toHaveBeenCalled();
});

it("is not the time for which the client itself stood still", () => {
  const onSilent = vi.fn();
  new Silence().watch(24, onSilent);
  vi.setSystemTime(Date.now() + 3_600_000);
  vi.advanceTimersByTime(6_000);
  expect(onSilent).not.toHaveBeenCalled();
});
