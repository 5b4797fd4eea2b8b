/** A webhook reaches public addresses and the ranges that the operator opened, in whatever form the URL names them. */

import { describe, expect, it } from "vitest";
import { createAddressGuard } from "../../../src/webhooks/sender/address-guard.js";
import { startNameServer } from "../../support/name-server.js";
import { startReceiver } from "../../support/receiver.js";
import { message, openSender, target } from "../../support/webhook-sending.js";

const refused: Record<string, readonly string[]> = {
  "the loopback address": ["127.0.0.1", "127.255.255.254", "127.0.0.1.", "localhost", "LOCALHOST", "localhost."],
  "its decimal form": ["2130706433"],
  "its hexadecimal forms": ["0x7f000001", "0x7f.0.0.1", "0x7f.1", "0X7F.0x0.0x0.0x1"],
  "its octal forms": ["017700000001", "0177.0.0.1", "0177.1", "0000177.0.0.01"],
  "its short forms": ["127.1", "127.0.1"],
  "its escaped and full-width forms": ["%31%32%37.0.0.1", "１２７.０.０.１", "127。0。0。1"],
  "a user name before it, or a stranger's name after it": ["8.8.8.8@127.0.0.1", "8.8.8.8:80@127.0.0.1"],
  "the unspecified address": ["0.0.0.0", "0", "0x0", "[::]"],
  "private ranges": [
    "10.0.0.1",
    "0x0a000001",
    "167772161",
    "172.16.0.1",
    "172.31.255.254",
    "192.168.1.1",
    "3232235777",
  ],
  "carrier-grade NAT": ["100.64.0.1", "100.127.255.254"],
  "metadata addresses": [
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "100.100.100.200",
    "192.0.0.192",
    "168.63.129.16",
    "[fd00:ec2::254]",
    "[fd20:ce::254]",
    "[::ffff:169.254.169.254]",
    "[64:ff9b::169.254.169.254]",
  ],
  "documentation, benchmarking and reserved ranges": [
    "192.0.2.1",
    "198.51.100.1",
    "203.0.113.1",
    "198.18.0.1",
    "192.88.99.1",
    "240.0.0.1",
    "[2001:db8::1]",
    "[3fff::1]",
    "[2001:2::1]",
    "[100::1]",
    "[5f00::1]",
  ],
  "multicast and broadcast": ["224.0.0.1", "239.255.255.250", "255.255.255.255", "[ff02::1]"],
  "the loopback address of IPv6": ["[::1]", "[0:0:0:0:0:0:0:1]", "[0000::0001]"],
  "IPv4 in IPv6": [
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:10.0.0.1]",
    "[::127.0.0.1]",
    "[::7f00:1]",
    "[::ffff:0:127.0.0.1]",
  ],
  NAT64: ["[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b::192.168.1.1]", "[64:ff9b:1::8.8.8.8]"],
  "6to4 and Teredo": ["[2002:7f00:1::]", "[2002:c0a8:101::1]", "[2001:0:7f00:1::1]", "[2001::f5ff:fffe]"],
  "link-local, unique local and site-local addresses": ["[fe80::1]", "[fc00::1]", "[fdff::1]", "[fec0::1]"],
  "addresses that belong to nobody": ["[4000::1]", "[::2]", "[8000::1]"],
};

const forms = Object.values(refused).flat();

it(`refuses ${forms.length} forms of addresses that are not public`, async () => {
  const sender = openSender({ allowPrivate: [], nameServers: [(await localhost()).address] });
  const receivers = [await startReceiver(), await startReceiver(undefined, { host: "::1" })];
  for (const { port } of receivers)
    for (const form of forms) {
      const { cause, outcome, status } = await sender.send(target(`http://${form}:${port}/`), message());
      expect({ form, cause, outcome, status }).toEqual({
        form,
        cause: "address_refused",
        outcome: "refused",
        status: undefined,
      });
    }
  expect(receivers.map(({ connections }) => connections)).toEqual([0, 0]);
});

it.each([
  ["a backslash", (port: number) => `http://127.0.0.1:${port}\\@8.8.8.8/`],
  ["a fragment", (port: number) => `http://127.0.0.1:${port}#@8.8.8.8/`],
  ["a query", (port: number) => `http://127.0.0.1:${port}?@8.8.8.8/`],
  ["a tab in the middle of the address", (port: number) => `http://127.0.\t0.1:${port}/`],
])("is not misled by %s", async (_, url) => {
  const receiver = await startReceiver();
  expect((await openSender({ allowPrivate: [] }).send(target(url(receiver.port)), message())).outcome).toBe("refused");
  expect(receiver.connections).toBe(0);
});

it("refuses a name that leads to such an address, of either family", async () => {
  const private4 = ["10.1.2.3", "127.0.0.1", "169.254.169.254", "100.64.0.1"];
  const private6 = ["::1", "fe80::1", "fd00:ec2::254", "::ffff:127.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::"];
  const all = [...private4, ...private6];
  const names = await startNameServer((name) => all.slice(Number(name.split(".")[0]), Number(name.split(".")[0]) + 1));
  const sender = openSender({ allowPrivate: [], nameServers: [names.address] });
  for (const [index, address] of all.entries()) {
    const { cause } = await sender.send(target(`http://${index}.hook.test:8080/`), message());
    expect({ address, cause }).toEqual({ address, cause: "address_refused" });
  }
});

describe("the guard", () => {
  it.each([
    "8.8.8.8",
    "11.0.0.1",
    "100.128.0.1",
    "172.32.0.1",
    "192.0.1.1",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2001:4860:4860::8888",
    "2a00:1450::1",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
  ])("allows the public address %s", (address) => {
    expect(createAddressGuard([]).allowsAddress(address)).toBe(true);
  });

  it.each([
    { ranges: ["192.168.0.0/16"], allowed: ["192.168.1.1", "::ffff:192.168.1.1"], refused: ["10.0.0.1", "127.0.0.1"] },
    { ranges: ["10.1.2.3/32"], allowed: ["10.1.2.3"], refused: ["10.1.2.4", "10.1.2.2"] },
    { ranges: ["fd12::/16"], allowed: ["fd12::1"], refused: ["fd13::1", "fc00::1", "192.168.1.1"] },
    {
      ranges: ["127.0.0.0/8", "::1/128"],
      allowed: ["127.0.0.1", "::1"],
      refused: ["169.254.169.254", "64:ff9b::7f00:1"],
    },
    { ranges: ["fe80::/10"], allowed: ["fe80::1%eth0", "fe80::1"], refused: ["fec0::1"] },
  ])("with $ranges opened, allows $allowed and still refuses $refused", ({ ranges, allowed, refused }) => {
    const guard = createAddressGuard(ranges);
    expect(allowed.filter((address) => !guard.allowsAddress(address))).toEqual([]);
    expect(refused.filter((address) => guard.allowsAddress(address))).toEqual([]);
  });

  it("allows the ports 80, 443 and 1024 to 65535, and no others", () => {
    const guard = createAddressGuard([]);
    const ports = Array.from({ length: 65_537 }, (_, port) => port).filter((port) => guard.allowsPort(port));
    expect(ports.slice(0, 3)).toEqual([80, 443, 1024]);
    expect(ports.length).toBe(2 + 65_535 - 1023);
  });

  it("refuses what is no address", () => {
    expect(["", "hook.test", "127.1", "0x7f000001"].filter(createAddressGuard(["0.0.0.0/0"]).allowsAddress)).toEqual(
      [],
    );
  });
});

it.each([0, 22, 25, 81, 111, 444, 1023])("sends nothing to port %d, of an allowed address either", async (port) => {
  const { outcome, cause, error } = await openSender().send(target(`http://127.0.0.1:${port}/`), message());
  expect({ outcome, cause, error }).toEqual({
    outcome: "refused",
    cause: "port_refused",
    error: "The port of the URL is not allowed.",
  });
});

it("sends to a range that is opened", async () => {
  const receiver = await startReceiver();
  expect((await openSender().send(target(`${receiver.origin}/`), message())).outcome).toBe("delivered");
  expect(receiver.requests.length).toBe(1);
});

function localhost() {
  return startNameServer((name) => (name === "localhost" ? ["127.0.0.1", "::1"] : []));
}
