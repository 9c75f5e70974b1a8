import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PublicAddresses } from "./public-addresses.js";
import { loadSettings } from "./settings.js";

describe("settings", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "sartor-settings-"));
    writeFileSync(join(folder, "password"), "from the file\n");
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("without any, everything listens on loopback and keeps its state in one folder", () => {
    const settings = loadSettings({});
    expect(settings).toMatchObject({ httpHost: "127.0.0.1", httpPort: 7300, mqttHost: "127.0.0.1", mqttPort: 8883 });
    expect(settings).toMatchObject({ deviceHost: "127.0.0.1", devicePort: 8443, certificateDays: 30 });
    expect(settings.databaseUrl).toBe(`sqlite:${join(settings.stateDir, "control-plane.sqlite")}`);
    expect(settings.blobDir.startsWith(settings.stateDir)).toBe(true);
  });

  it.each([
    ["SARTOR_HTTP_PORT", "80000", "from 0 to 65535"],
    ["SARTOR_MQTT_PORT", "12.5", "whole number"],
    ["SARTOR_LOG_LEVEL", "loud", "error, warn, log, debug"],
    ["SARTOR_TRUST_PROXY", "perhaps", "true or false"],
    ["SARTOR_MQTT_URL", "http://broker", "mqtt://"],
    ["SARTOR_MQTT_URL", "ws://broker:9001", "mqtt://"],
    ["SARTOR_PUBLIC_MQTT_URL", "wss://mq.example", "mqtts://"],
    ["SARTOR_PUBLIC_MQTT_URL", "mqtt://mq.example", "mqtts://"],
    ["SARTOR_PUBLIC_DEVICE_URL", "http://sartor.example", "https://"],
    ["SARTOR_TLS_NAMES", "hub.local, a b", "a b"],
    ["SARTOR_CERTIFICATE_DAYS", "181", "from 1 to 180"],
    ["SARTOR_DATABASE_URL", "mysql://db", "postgres://"],
    ["SARTOR_MQTT_PASSWORD_FILE", "/does/not/exist", "cannot be read"],
  ])("a bad %s stops the start and says what is wrong", (name, value, problem) => {
    expect(() => loadSettings({ [name]: value })).toThrow(
      expect.objectContaining({
        code: "SRT_CONFIG_INVALID",
        message: expect.stringMatching(new RegExp(`^${name}.*${problem}`)),
      }),
    );
  });

  it("a bad address is not repeated, since it may hold a password", () => {
    expect(() => loadSettings({ SARTOR_MQTT_URL: "ftp://user:hunter2@host" })).toThrow(/^(?!.*hunter2)/);
  });

  it("devices are never sent to a broker without TLS", () => {
    expect(() => loadSettings({ SARTOR_MQTT_URL: "mqtt://broker" })).toThrow("SARTOR_PUBLIC_MQTT_URL must be set");
    const settings = loadSettings({ SARTOR_MQTT_URL: "mqtt://broker", SARTOR_PUBLIC_MQTT_URL: "mqtts://mq.example" });
    expect(settings.publicMqttUrl).toBe("mqtts://mq.example");
  });

  it("an authority of one's own is given whole or not at all", () => {
    expect(() => loadSettings({ SARTOR_CA_ROOT_FILE: "root.pem" })).toThrow("must be set together");
  });

  it("a secret comes out of a file where one is named, but not from both", () => {
    const file = join(folder, "password");
    expect(loadSettings({ SARTOR_MQTT_PASSWORD_FILE: file }).externalMqttPassword).toBe("from the file");
    expect(() => loadSettings({ SARTOR_MQTT_PASSWORD_FILE: file, SARTOR_MQTT_PASSWORD: "x" })).toThrow(
      "must not both be set",
    );
  });
});

describe("the addresses that devices are told", () => {
  it("are those they came through when this listens everywhere", () => {
    const addresses = new PublicAddresses(loadSettings({ SARTOR_HTTP_HOST: "0.0.0.0", SARTOR_MQTT_HOST: "::" }));
    addresses.httpListens(1234);
    expect(addresses.httpUrl("hub.local")).toBe("http://hub.local:1234");
    expect(addresses.mqttUrl("fe80::1")).toBe("mqtts://[fe80::1]:8883");
  });

  it("are the public ones where an operator set them", () => {
    const addresses = new PublicAddresses(
      loadSettings({
        SARTOR_PUBLIC_HTTP_URL: "https://sartor.example/",
        SARTOR_PUBLIC_DEVICE_URL: "https://devices.sartor.example/",
        SARTOR_PUBLIC_MQTT_URL: "mqtts://mq.example:8883",
      }),
    );
    expect([addresses.httpUrl("other"), addresses.deviceUrl("other"), addresses.mqttUrl("other")]).toEqual([
      "https://sartor.example",
      "https://devices.sartor.example",
      "mqtts://mq.example:8883",
    ]);
    expect(addresses.tlsNames()).toEqual(expect.arrayContaining(["devices.sartor.example", "mq.example"]));
  });

  it("never hold the control plane's own account on an external broker", () => {
    const addresses = new PublicAddresses(loadSettings({ SARTOR_MQTT_URL: "mqtts://me:secret@broker:8883" }));
    expect(addresses.mqttUrl()).toBe("mqtts://broker:8883");
  });
});
