import { describe, expect, it } from "vitest";
import { checkSameSite } from "./same-site.js";

const forbidden = expect.objectContaining({ code: "SRT_FORBIDDEN" });

describe("who may ask for an inference", () => {
  it.each([
    ["a program", {}],
    ["a program that names the device", { host: "camera-7.example:7400" }],
    ["a page that the device's own address served", { host: "127.0.0.1:7400", origin: "http://127.0.0.1:8080" }],
    ["the same under IPv6", { host: "[::1]:7400", origin: "http://[::1]:8080" }],
    ["a page under this machine's name", { host: "gate-7:7400", origin: "http://gate-7" }],
  ])("%s", (_, headers) => {
    expect(() => checkSameSite(headers, "Gate-7")).not.toThrow();
  });

  it.each([
    ["a page of another site", { host: "127.0.0.1:7400", origin: "https://evil.example" }],
    ["a page that rebound its name to this device", { host: "evil.example:7400", origin: "http://evil.example:7400" }],
    ["a sandboxed page without a site", { host: "127.0.0.1:7400", origin: "null" }],
  ])("not %s", (_, headers) => {
    expect(() => checkSameSite(headers, "Gate-7")).toThrow(forbidden);
  });
});
