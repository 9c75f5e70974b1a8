import { type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildTinyClassifier } from "../support/tiny-model.js";
import { getJson, type ServingDevice, startServingDevice } from "./serving-device.js";

const GIGABYTE = 1_000_000_000;
const MEGABYTE = 1_000_000;

interface Outcome {
  readonly status: number | undefined;
  readonly body: string;
  /** Bytes that the client could send before the connection was cut. */
  readonly sent: number;
  /** Most memory that this process, which holds client and server, took meanwhile, bytes. */
  readonly grownBy: number;
}

/** Sends a body piece by piece until it is through or the server cuts the connection. */
function send(url: string, total: number, headers: Record<string, string>): Promise<Outcome> {
  const piece = Buffer.alloc(MEGABYTE);
  const memory = () => process.memoryUsage().rss;
  const before = memory();
  return new Promise((resolve) => {
    let sent = 0;
    let most = before;
    let status: number | undefined;
    let body = "";
    const client = request(url, { method: "POST", headers });
    const end = () => {
      client.destroy();
      resolve({ status, body, sent, grownBy: most - before });
    };
    client.on("response", (response: IncomingMessage) => {
      status = response.statusCode;
      response.setEncoding("utf8").on("data", (text) => {
        body += text;
      });
      response.on("error", () => undefined);
    });
    client.on("error", () => setTimeout(end, 50));
    client.on("close", () => setTimeout(end, 50));
    const pump = () => {
      most = Math.max(most, memory());
      if (sent >= total || client.destroyed) {
        client.end();
        return;
      }
      sent += piece.length;
      if (client.write(piece)) setImmediate(pump);
      else client.once("drain", pump);
    };
    pump();
  });
}

describe("a body that is too large", () => {
  let device: ServingDevice;
  const routes = ["infer", "classify"];
  beforeAll(async () => {
    device = await startServingDevice();
    await device.serve(buildTinyClassifier());
  });
  afterAll(() => device.stop());

  it.each(routes)("of 1 GB for %s is refused at once, not kept, and the connection is cut", async (route) => {
    const outcome = await send(`${device.url}/v2/models/tiny/${route}`, GIGABYTE, {
      "content-length": String(GIGABYTE),
    });
    expect(outcome.status).toBe(413);
    expect(JSON.parse(outcome.body)).toMatchObject({
      code: "SRT_BODY_TOO_LARGE",
      error: expect.stringContaining("bytes"),
    });
    expect(outcome.sent).toBeLessThan(GIGABYTE / 4);
    expect(outcome.grownBy).toBeLessThan(100 * MEGABYTE);
    expect((await getJson(`${device.url}/v2/health/ready`)).status).toBe(200);
  });

  it.each(routes)("of unknown length for %s is refused when it passes the limit", async (route) => {
    const outcome = await send(`${device.url}/v2/models/tiny/${route}`, GIGABYTE, { "transfer-encoding": "chunked" });
    expect(outcome.status).toBe(413);
    expect(outcome.sent).toBeLessThan(GIGABYTE / 4);
    expect((await getJson(`${device.url}/v2/health/ready`)).status).toBe(200);
  });

  it("and asks first is told no before it is sent", async () => {
    const reply = await new Promise<string>((resolve) => {
      const { hostname, port } = new URL(device.url);
      const socket = connect(Number(port), hostname);
      let text = "";
      socket.on("data", (chunk) => {
        text += chunk;
      });
      socket.on("close", () => resolve(text));
      socket.write(
        `POST /v2/models/tiny/infer HTTP/1.1\r\nhost: x\r\ncontent-length: ${GIGABYTE}\r\nexpect: 100-continue\r\n\r\n`,
      );
    });
    expect(reply).toMatch(/^HTTP\/1\.1 413 /);
    expect(reply).not.toContain("100 Continue");
    expect(reply).toContain("connection: close");
  });

  it("of JSON tensors is pointed to the binary form", async () => {
    const body = `{"inputs":[${" ".repeat(9 * 1024 * 1024)}]}`;
    const response = await fetch(`${device.url}/v2/models/tiny/infer`, { method: "POST", body });
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ error: expect.stringContaining("binary data") });
  });

  it("when it is compressed is refused, since its size would not be known", async () => {
    const headers = { "content-encoding": "gzip" };
    const response = await fetch(`${device.url}/v2/models/tiny/infer`, { method: "POST", body: "x", headers });
    expect(response.status).toBe(415);
  });
});

describe("what is not HTTP", () => {
  it("gets a 400 with a code, and the device goes on", async () => {
    const device = await startServingDevice();
    try {
      const { hostname, port } = new URL(device.url);
      const reply = await new Promise<string>((resolve) => {
        const socket = connect(Number(port), hostname, () => socket.write("EHLO there\r\n\r\n"));
        let text = "";
        socket.on("data", (chunk) => {
          text += chunk;
        });
        socket.on("close", () => resolve(text));
      });
      expect(reply).toMatch(/^HTTP\/1\.1 400 /);
      expect(reply).toContain("SRT_INVALID_REQUEST");
      expect((await getJson(`${device.url}/v2/health/live`)).status).toBe(200);
    } finally {
      await device.stop();
    }
  });
});
