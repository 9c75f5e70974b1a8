import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { httpGet, postJson, readBody, TlsIdentity, tlsRefusal } from "../platform/index.js";
import { TestAuthority } from "./testing/index.js";

const signal = new AbortController().signal;
const limits = { maximumBytes: 1_000_000, idleTimeoutMs: 5_000, signal };

describe("HTTPS", () => {
  let authority: TestAuthority;
  let server: Server;
  let answer: (request: IncomingMessage, response: ServerResponse) => void;
  let sockets: Set<unknown>;

  beforeEach(async () => {
    authority = await TestAuthority.create();
    sockets = new Set();
    answer = (request, response) => {
      sockets.add(request.socket);
      const socket = request.socket as TLSSocket;
      response.end(JSON.stringify({ name: socket.authorized ? socket.getPeerCertificate().subject.CN : null }));
    };
    const { certificate, key } = await authority.issueServer();
    server = createServer({ cert: certificate, key, ca: authority.root, requestCert: true, rejectUnauthorized: true });
    server.on("request", (request, response) => answer(request, response));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  });
  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  });

  const url = (host = "localhost") => new URL(`https://${host}:${(server.address() as AddressInfo).port}/thing`);
  const client = (deviceId: string) => authority.makeDevice(deviceId);
  const get = async (tls: TlsIdentity, at = url()) =>
    Buffer.from(await readBody(await httpGet(at, { tls, ...limits }))).toString();

  it("shows the device's certificate, and keeps the connection for the next request", async () => {
    const tls = new TlsIdentity({ ca: authority.root, client: await client("device-1") });
    expect(JSON.parse(await get(tls))).toEqual({ name: "device-1" });
    expect(await postJson(url(), { a: 1 }, tls, signal)).toEqual({ status: 200, json: { name: "device-1" } });
    expect(sockets.size).toBe(1);
    tls.close();
  });

  it("uses the new certificate after a swap, and closes what the old one had open", async () => {
    const tls = new TlsIdentity({ ca: authority.root, client: await client("device-1") });
    await get(tls);
    let told = 0;
    const stop = tls.onSwap(() => void told++);
    tls.swap({ ca: authority.root, client: await client("device-2") });
    expect(JSON.parse(await get(tls))).toEqual({ name: "device-2" });
    expect(sockets.size).toBe(2);
    stop();
    tls.swap(tls.credential);
    expect(told).toBe(1);
  });

  it("lets a download that runs during a swap end in peace", async () => {
    const tls = new TlsIdentity({ ca: authority.root, client: await client("device-1") });
    let finish: () => void = () => undefined;
    answer = (_, response) => {
      response.write("first ");
      finish = () => void response.end("last");
    };
    const download = await httpGet(url(), { tls, ...limits });
    tls.swap({ ca: authority.root, client: await client("device-2") });
    finish();
    expect(Buffer.from(await readBody(download)).toString()).toBe("first last");
  });

  it("trusts no server of a stranger and none of another name, and says that it is not the line", async () => {
    const stranger = await TestAuthority.create();
    const why = async (tls: TlsIdentity) => {
      try {
        return await get(tls);
      } catch (error) {
        expect(error).toMatchObject({ code: "SRT_DOWNLOAD_FAILED" });
        return tlsRefusal(error);
      }
    };
    const client1 = await client("device-1");
    expect(await why(new TlsIdentity({ ca: stranger.root, client: client1 }))).toBe("untrusted");
    const { certificate, key } = await authority.issueServer(["elsewhere.example"]);
    server.setSecureContext({ cert: certificate, key, ca: authority.root });
    expect(await why(new TlsIdentity({ ca: authority.root, client: client1 }))).toBe("untrusted");
    expect(sockets.size).toBe(0);
  });

  it.each([
    ["ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED", "expired"],
    ["ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED", "expired"],
    ["ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED", "refused"],
    ["ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", "refused"],
    ["ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", "refused"],
    ["CERT_NOT_YET_VALID", "untrusted"],
    ["ECONNRESET", undefined],
  ])("reads %s, also as the cause of another error, as %s", (code, refusal) => {
    const error = Object.assign(new Error("alert"), { code });
    expect(tlsRefusal(error)).toBe(refusal);
    expect(tlsRefusal(new Error("no answer", { cause: error }))).toBe(refusal);
  });

  it("speaks nothing but https", async () => {
    const tls = new TlsIdentity({ ca: authority.root });
    const plain = new URL("http://localhost:1/thing");
    await expect(httpGet(plain, { tls, ...limits })).rejects.toMatchObject({ code: "SRT_CONFIG_INVALID" });
    await expect(postJson(plain, {}, tls, signal)).rejects.toMatchObject({ code: "SRT_CONFIG_INVALID" });
  });

  it("gives a server up that drips, and reads one that is only slow", async () => {
    const tls = new TlsIdentity({ ca: authority.root, client: await client("device-1") });
    const drip = (bytes: number, pieces: number) => {
      answer = (_, response) => {
        let sent = 0;
        const timer = setInterval(() => {
          if (response.destroyed) clearInterval(timer);
          else if (++sent <= pieces) response.write(Buffer.alloc(bytes));
          else {
            clearInterval(timer);
            response.end();
          }
        }, 10);
      };
    };
    const minimumRate = { bytes: 1_000, windowMs: 200 };
    drip(1, 1_000_000);
    const dripping = await httpGet(url(), { tls, ...limits, minimumRate });
    await expect(readBody(dripping)).rejects.toMatchObject({
      code: "SRT_DOWNLOAD_FAILED",
      message: expect.stringContaining("fewer than 1000 bytes came in 200 ms"),
    });
    drip(5_000, 60);
    const slow = await httpGet(url(), { tls, ...limits, minimumRate });
    expect((await readBody(slow)).byteLength).toBe(300_000);
  });

  it("gives a body up that is longer than announced, and one that stops", async () => {
    const tls = new TlsIdentity({ ca: authority.root, client: await client("device-1") });
    answer = (_, response) => void response.end(Buffer.alloc(1_001));
    const long = await httpGet(url(), { tls, ...limits, maximumBytes: 1_000 });
    await expect(readBody(long)).rejects.toMatchObject({ code: "SRT_DOWNLOAD_FAILED" });
    answer = (_, response) => void response.write("and then");
    const silent = await httpGet(url(), { tls, ...limits, idleTimeoutMs: 200 });
    await expect(readBody(silent)).rejects.toMatchObject({ code: "SRT_DOWNLOAD_FAILED" });
  });

  it("frees the connection of an answer that nobody reads", async () => {
    const tls = new TlsIdentity({ ca: authority.root, client: await client("device-1") });
    answer = (_, response) => void response.writeHead(404).end(Buffer.alloc(500_000));
    for (let count = 0; count < 12; count++) (await httpGet(url(), { tls, ...limits })).discard();
    answer = (_, response) => void response.end("free");
    expect(await get(tls)).toBe("free");
  });
});
