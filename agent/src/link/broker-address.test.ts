import { describe, expect, it } from "vitest";
import { parseBrokerUrl } from "./broker-address.js";

describe("parseBrokerUrl", () => {
  it.each([
    ["mqtts://broker.example", { host: "broker.example", port: 8883 }],
    ["mqtts://127.0.0.1:8885", { host: "127.0.0.1", port: 8885 }],
    ["mqtts://[::1]:8884", { host: "::1", port: 8884 }],
  ])("reads %s", (url, address) => {
    expect(parseBrokerUrl(url)).toEqual(address);
  });

  it.each([
    "",
    "broker.example:1883",
    "http://broker.example",
    "ws://broker.example",
    "mqtt://broker.example",
    "mqtts://",
  ])("refuses %j with a sentence that says what is expected", (url) => {
    expect(() => parseBrokerUrl(url)).toThrow(
      expect.objectContaining({ code: "SRT_CONFIG_INVALID", message: expect.stringContaining("mqtts://host") }),
    );
  });
});
