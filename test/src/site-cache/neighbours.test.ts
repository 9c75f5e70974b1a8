import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { checkPeer, Revocations } from "@sartor/agent/identity";
import { TestAuthority, TestControlPlane } from "@sartor/agent/identity/testing";
import { SiteCacheServer } from "@sartor/agent/ota";
import {
  createLogger,
  type HttpsLine,
  httpGet,
  NeighbourLine,
  readBody,
  systemClock,
  TlsIdentity,
} from "@sartor/agent/platform";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const logger = createLogger("error", () => undefined);
const signal = new AbortController().signal;
const DAY_MS = 86_400_000;

describe("neighbours at a site", () => {
  let authority: TestAuthority;
  const revoked = new Set<string>();
  let server: SiteCacheServer | undefined;
  let port: number;
  let asked: string[];
  let body: () => AsyncIterable<Uint8Array>;
  const closing: (() => unknown)[] = [];

  beforeEach(async () => {
    authority = await TestAuthority.create();
    revoked.clear();
    asked = [];
    body = async function* () {
      yield Buffer.from("content");
    };
  });
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
    await server?.stop();
    server = undefined;
  });

  async function identityOf(deviceId: string, from = authority, validity = {}) {
    return new TlsIdentity({ ca: authority.root, client: await from.makeDevice(deviceId, validity) });
  }

  const identify = () => (socket: TLSSocket) =>
    checkPeer(socket, { authorities: authority.root, now: Date.now(), isRevoked: (serial) => revoked.has(serial) });

  async function startCache(tls: TlsIdentity, pieceMs?: number) {
    const answer = async ({ target }: { target: string }) => {
      asked.push(target);
      return { status: 200, headers: {}, body: body(), close: async () => undefined };
    };
    const listen = { host: "127.0.0.1", port: 0 };
    server = new SiteCacheServer({
      cache: { answer },
      tls,
      listen,
      identify: identify(),
      clock: systemClock,
      logger,
      ...(pieceMs === undefined ? {} : { pieceMs }),
    });
    port = await server.start();
  }

  async function get(tls: HttpsLine): Promise<{ status: number; text: string }> {
    const url = new URL(`https://127.0.0.1:${port}/thing`);
    const answer = await httpGet(url, { tls, maximumBytes: 1e9, idleTimeoutMs: 5_000, signal });
    return { status: answer.status, text: Buffer.from(await readBody(answer)).toString() };
  }

  async function lineOf(tls: TlsIdentity): Promise<NeighbourLine> {
    const line = new NeighbourLine(tls, identify());
    closing.push(() => line.close());
    return line;
  }

  it("serve each other, by certificates that are for TLS clients and name no host", async () => {
    await startCache(await identityOf("cache-1"));
    const line = await lineOf(await identityOf("device-2"));
    for (const _ of [1, 2]) expect(await get(line)).toEqual({ status: 200, text: "content" });
    expect(asked).toEqual(["/thing", "/thing"]);
  });

  it("cannot stand in for the control plane: as a server's, their certificate is refused", async () => {
    await startCache(await identityOf("cache-1"));
    const strict = await identityOf("device-2");
    closing.push(() => strict.close());
    await expect(get(strict)).rejects.toMatchObject({ code: "SRT_DOWNLOAD_FAILED" });
    expect(asked).toEqual([]);
  });

  it.each<[string, () => Promise<TlsIdentity>]>([
    ["of another authority", async () => identityOf("cache-1", await TestAuthority.create())],
    ["past its time", () => identityOf("cache-1", authority, { notAfter: Date.now() - 1_000 })],
    [
      "for servers, as the control plane's is",
      async () => new TlsIdentity({ ca: authority.root, client: await authority.issueServer() }),
    ],
  ])("are not spoken with when their certificate is %s", async (_, make) => {
    await startCache(await make());
    const line = await lineOf(await identityOf("device-2"));
    await expect(get(line)).rejects.toMatchObject({ code: "SRT_DOWNLOAD_FAILED" });
    expect(asked).toEqual([]);
  });

  it("are not spoken with once their certificate was revoked", async () => {
    const cache = await authority.makeDevice("cache-1");
    await startCache(new TlsIdentity({ ca: authority.root, client: cache }));
    const line = await lineOf(await identityOf("device-2"));
    expect((await get(line)).status).toBe(200);
    revoked.add(serialOf(cache.certificate));
    line.close();
    await expect(get(await lineOf(await identityOf("device-2")))).rejects.toMatchObject({
      cause: { code: "SRT_CERTIFICATE_REVOKED" },
    });
    expect(asked).toHaveLength(1);
  });

  it("get nothing without a certificate of the fleet, nor when theirs was revoked, on an open connection either", async () => {
    await startCache(await identityOf("cache-1"));
    const stranger = await identityOf("device-2", await TestAuthority.create());
    await expect(get(await lineOf(stranger))).rejects.toMatchObject({ code: "SRT_DOWNLOAD_FAILED" });
    await expect(get(await lineOf(new TlsIdentity({ ca: authority.root })))).rejects.toMatchObject({
      code: "SRT_DOWNLOAD_FAILED",
    });
    expect(asked).toEqual([]);
    const device = await authority.makeDevice("device-3");
    const line = await lineOf(new TlsIdentity({ ca: authority.root, client: device }));
    expect((await get(line)).status).toBe(200);
    revoked.add(serialOf(device.certificate));
    expect((await get(line)).status).toBe(401);
    expect(asked).toHaveLength(1);
  });

  it("cannot take the cache for themselves: one too many requests at once is sent to the control plane", async () => {
    await startCache(await identityOf("cache-1"));
    const gate = Promise.withResolvers<void>();
    body = async function* () {
      await gate.promise;
      yield Buffer.from("content");
    };
    // Each line has eight connections at most.
    const credential = (await identityOf("device-2")).credential;
    const lines = await Promise.all([1, 2, 3].map(() => lineOf(new TlsIdentity(credential))));
    const many = lines.flatMap((line) => Array.from({ length: 8 }, () => get(line)));
    const refused: number[] = [];
    for (const each of many) void each.then(({ status }) => refused.push(status));
    while (refused.length < 8) await new Promise(setImmediate);
    expect(refused).toEqual(Array(8).fill(429));
    const other = get(await lineOf(await identityOf("device-3")));
    gate.resolve();
    expect((await other).status).toBe(200);
    const statuses = (await Promise.all(many)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(16);
  });

  it("are cut off when they do not read", async () => {
    await startCache(await identityOf("cache-1"), 300);
    const ended = Promise.withResolvers<void>();
    body = async function* () {
      try {
        for (let sent = 0; sent < 10_000; sent++) yield Buffer.alloc(64 * 1024);
      } finally {
        ended.resolve();
      }
    };
    const tls = await identityOf("device-2");
    const socket = connect({ ...tls.options(), host: "127.0.0.1", port, rejectUnauthorized: false });
    closing.push(() => socket.destroy());
    await once(socket, "secureConnect");
    socket.on("error", () => undefined);
    socket.write("GET /thing HTTP/1.1\r\nhost: cache\r\n\r\n");
    // It reads a little every now and then, so that the connection is never idle.
    const timer = setInterval(() => socket.read(1_024), 10);
    closing.push(() => clearInterval(timer));
    await ended.promise;
  });

  it("go over to a renewed certificate without a restart", async () => {
    const tls = await identityOf("cache-1");
    await startCache(tls);
    const shown = async () => {
      let serial = "";
      const line = new NeighbourLine(await identityOf("device-2"), (socket) => {
        serial = socket.getPeerCertificate().serialNumber;
      });
      closing.push(() => line.close());
      await get(line);
      return serial;
    };
    const before = await shown();
    tls.swap({ ca: authority.root, client: await authority.makeDevice("cache-1") });
    expect(await shown()).not.toBe(before);
  });

  describe("and the revocation list", () => {
    let folder: string;
    let controlPlane: TestControlPlane;
    let list: Buffer;
    let stop: AbortController;
    beforeEach(async () => {
      folder = mkdtempSync(join(tmpdir(), "sartor-revocations-"));
      controlPlane = await TestControlPlane.start(authority);
      controlPlane.intercept = (path, response) => {
        if (path === "/api/v1/certificates/crl") response.end(list);
        return path === "/api/v1/certificates/crl";
      };
      stop = new AbortController();
      closing.push(async () => {
        stop.abort();
        await controlPlane.stop().catch(() => undefined);
        rmSync(folder, { recursive: true, force: true });
      });
    });

    async function follow(): Promise<Revocations> {
      const tls = await identityOf("device-2");
      const file = join(folder, "list.crl");
      const { url: httpUrl } = controlPlane;
      const options = { httpUrl, tls, file, clock: systemClock, logger, random: () => 0.5, periodMs: 20 };
      const revocations = new Revocations(options);
      const running = revocations.run(stop.signal);
      closing.push(async () => {
        stop.abort();
        await running;
        tls.close();
      });
      return revocations;
    }
    const until = async (is: () => boolean) => {
      while (!is()) await new Promise((resolve) => setTimeout(resolve, 10));
    };

    it("is followed, and counts on when the control plane is gone", async () => {
      list = await authority.signRevocationList(["0a0b"], Date.now() - 10_000);
      const revocations = await follow();
      await until(() => revocations.isRevoked("0A0B"));
      expect(revocations.isRevoked("0a0c")).toBe(false);
      list = await authority.signRevocationList(["0a0b", "0a0c"], Date.now());
      await until(() => revocations.isRevoked("a0c"));
      stop.abort();
      list = Buffer.alloc(0);
      stop = new AbortController();
      const later = await follow();
      await until(() => later.isRevoked("0a0c"));
    });

    it("is not believed when it is older, or another authority's", async () => {
      list = await authority.signRevocationList(["0a0b"], Date.now());
      const revocations = await follow();
      await until(() => revocations.isRevoked("0a0b"));
      for (const bad of [
        await authority.signRevocationList(["0a0c"], Date.now() - DAY_MS),
        await (await TestAuthority.create()).signRevocationList(["0a0c"], Date.now() + 5_000),
        Buffer.from("no list"),
      ]) {
        list = bad;
        const before = controlPlane.of("/api/v1/certificates/crl").length;
        await until(() => controlPlane.of("/api/v1/certificates/crl").length > before + 2);
        expect(revocations.isRevoked("0a0b")).toBe(true);
        expect(revocations.isRevoked("0a0c")).toBe(false);
      }
    });
  });
});

const serialOf = (pem: string) => new X509Certificate(pem).serialNumber;
