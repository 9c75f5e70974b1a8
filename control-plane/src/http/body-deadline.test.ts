import { once } from "node:events";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { allowLongUpload } from "./body-deadline.js";
import { Metrics } from "./metrics.js";
import { createHttpAdapter, prepareHttp } from "./server.js";

const TIMEOUT_MS = 150;

describe("a body that does not come", () => {
  let fastify: FastifyInstance;
  let socket: Socket;
  let heard: string;
  let arrived: Promise<string>;
  beforeEach(async () => {
    const adapter = createHttpAdapter({ trustProxy: false, maximumConnections: 10 });
    fastify = adapter.getInstance() as unknown as FastifyInstance;
    prepareHttp(fastify, new Metrics(), TIMEOUT_MS);
    fastify.post("/json", async () => ({ ok: true }));
    const read = async (request: FastifyRequest) => {
      let bytes = 0;
      for await (const chunk of request.raw) bytes += chunk.length;
      return { bytes };
    };
    arrived = new Promise((resolve) => {
      fastify.post("/stranger", async (request) => {
        resolve("begun");
        return read(request);
      });
      fastify.post("/operator", async (request) => {
        allowLongUpload(request);
        resolve("begun");
        return read(request);
      });
    });
    await fastify.listen({ port: 0, host: "127.0.0.1" });
    socket = connect((fastify.server.address() as AddressInfo).port, "127.0.0.1");
    heard = "";
    socket.on("data", (chunk) => {
      heard += chunk.toString();
    });
    socket.on("error", () => undefined);
  });
  afterEach(async () => {
    socket.destroy();
    await fastify.close();
  });

  const send = (path: string, type: string) =>
    socket.write(`POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: ${type}\r\ncontent-length: 4\r\n\r\n{`);

  it.each([
    ["/json", "application/json"],
    ["/stranger", "application/octet-stream"],
  ])("to %s is refused with a code, and the connection ends", async (path, type) => {
    send(path, type);
    await once(socket, "close");
    expect(heard).toMatch(/^HTTP\/1\.1 408 /);
    expect(heard).toContain('"code":"SRT_REQUEST_TIMED_OUT"');
  });

  it("but slowly is taken from an operator who uploads a file", async () => {
    send("/operator", "application/octet-stream");
    await arrived;
    // Longer than any other body may take: it ends the wait of a second, silent connection.
    const other = connect((fastify.server.address() as AddressInfo).port, "127.0.0.1");
    other.write("POST /json HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 4\r\n\r\n{");
    other.resume();
    await once(other, "close");
    socket.write("abc");
    while (!heard.includes("bytes")) await once(socket, "data");
    expect(heard).toMatch(/^HTTP\/1\.1 200 /);
    expect(heard).toContain('{"bytes":4}');
  });
});
