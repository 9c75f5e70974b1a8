import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ErrorReply, errorReplySchema, type SystemView, systemViewSchema } from "@sartor/shared/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningControlPlane, startControlPlane } from "../support/control-plane.js";
import { rest } from "../support/enrolled-device.js";
import { waitFor } from "../support/wait-for.js";

/** Sends raw bytes and reads until the server hangs up or has answered with a body. */
async function raw(url: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let text = "";
  const answered = new Promise<void>((resolve) => {
    socket.on("data", (chunk) => {
      text += chunk.toString();
      if (/\r\n\r\n.*\}$/s.test(text)) resolve();
    });
    socket.on("error", () => resolve());
    socket.on("close", () => resolve());
  });
  socket.write(bytes);
  await answered;
  socket.destroy();
  return text;
}

interface OpenApi {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> };
}

describe("the REST interface", () => {
  let controlPlane: RunningControlPlane;
  let site: string;
  beforeAll(async () => {
    site = await mkdtemp(join(tmpdir(), "sartor-site-"));
    await writeFile(join(site, "index.html"), "<!doctype html><title>Sartor</title>");
    await writeFile(join(site, "app-3f2a9c1b.js"), "export {};");
    await writeFile(join(site, "..", "secret.txt"), "not of the site").catch(() => undefined);
    controlPlane = await startControlPlane({ env: { SARTOR_DASHBOARD_DIR: site } });
  });
  afterAll(async () => {
    await controlPlane.stop();
    await rm(site, { recursive: true, force: true });
    await rm(join(site, "..", "secret.txt"), { force: true });
  });

  const post = (path: string, body: string, contentType: string) =>
    fetch(`${controlPlane.httpUrl}${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${controlPlane.operatorToken}`, "content-type": contentType },
      body,
    });
  const codeOf = async (reply: Response) => ((await reply.json()) as ErrorReply).error.code;

  it("answers for an unknown device with 404 and a code", async () => {
    const { status, body } = await rest<ErrorReply>(controlPlane, "GET", "/api/v1/devices/nobody-1234");
    expect(status).toBe(404);
    expect(body.error).toMatchObject({ code: "SRT_DEVICE_UNKNOWN", message: expect.stringContaining("nobody-1234") });
    expect(body.error.correlationId).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("answers for an unknown route with 404 and a code, whatever the method", async () => {
    for (const method of ["GET", "POST", "DELETE"]) {
      const { status, body } = await rest<ErrorReply>(controlPlane, method, "/api/v1/nothing");
      expect([status, body.error.code]).toEqual([404, "SRT_NOT_FOUND"]);
    }
  });

  it("answers for a method that an address does not take with 405, a code and the methods that it does", async () => {
    for (const [method, path, allow] of [
      ["PUT", "/api/v1/devices", "GET, HEAD"],
      ["DELETE", "/api/v1/enrolments", "POST"],
      ["GET", "/api/v1/enrolments", "POST"],
      ["POST", "/api/v1/devices/some-device", "DELETE, GET, HEAD, PATCH"],
    ] as const) {
      const { status, headers, body } = await rest<ErrorReply>(controlPlane, method, path);
      expect([path, status, body.error.code]).toEqual([path, 405, "SRT_METHOD_NOT_ALLOWED"]);
      expect(headers.get("allow")).toBe(allow);
    }
  });

  it.each<[string, string, number, string]>([
    ["an address that cannot be decoded", "GET /%ZZ HTTP/1.1\r\nhost: x\r\n\r\n", 400, "SRT_INVALID_REQUEST"],
    [
      "an id of a thousand characters",
      `GET /api/v1/devices/${"x".repeat(1_000)} HTTP/1.1\r\nhost: x\r\n\r\n`,
      414,
      "SRT_ADDRESS_TOO_LONG",
    ],
    [
      "a removal of an id of a thousand characters",
      `DELETE /api/v1/devices/${"x".repeat(1_000)} HTTP/1.1\r\nhost: x\r\n\r\n`,
      414,
      "SRT_ADDRESS_TOO_LONG",
    ],
    [
      "headers of 100 kB",
      `GET / HTTP/1.1\r\nhost: x\r\nx-long: ${"x".repeat(100_000)}\r\n\r\n`,
      431,
      "SRT_HEADERS_TOO_LARGE",
    ],
    ["what is not HTTP", "HELLO\r\n\r\n", 400, "SRT_INVALID_REQUEST"],
  ])("answers %s in the same form as every other error", async (_what, bytes, status, code) => {
    const answer = await raw(controlPlane.httpUrl, bytes);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    const { error } = errorReplySchema.parse(JSON.parse(answer.slice(answer.indexOf("\r\n\r\n"))));
    expect(error).toMatchObject({ code, correlationId: expect.stringMatching(/^[0-9a-f-]{36}$/) });
    expect(answer.toLowerCase()).toContain(`x-correlation-id: ${error.correlationId}`);
  });

  it("takes no more connections than it is told to", async () => {
    const small = await startControlPlane({ env: { SARTOR_HTTP_MAX_CONNECTIONS: "2" } });
    const { hostname, port } = new URL(small.httpUrl);
    const blockers = [connect(Number(port), hostname), connect(Number(port), hostname)];
    try {
      await Promise.all(blockers.map((socket) => once(socket, "connect")));
      // Accepted by the system, hung up on by the server: nothing of the request is answered.
      expect(await raw(small.httpUrl, "GET /api/v1/health/live HTTP/1.1\r\nhost: x\r\n\r\n")).toBe("");
      for (const socket of blockers) socket.destroy();
      await waitFor("a free place", async () => (await fetch(`${small.httpUrl}/api/v1/health/live`)).ok);
    } finally {
      for (const socket of blockers) socket.destroy();
      await small.stop();
    }
  });

  it("refuses a JSON body above its limit with 413", async () => {
    const reply = await post(
      "/api/v1/enrolment-tokens",
      JSON.stringify({ note: "x".repeat(2 ** 20) }),
      "application/json",
    );
    expect([reply.status, await codeOf(reply)]).toEqual([413, "SRT_BODY_TOO_LARGE"]);
  });

  it("refuses a body that announces 1 GB without reading it", async () => {
    const { hostname, port } = new URL(controlPlane.httpUrl);
    const { connect } = await import("node:net");
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => {
        socket.write(
          `POST /api/v1/enrolments HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1073741824\r\n\r\n{`,
        );
      });
      let text = "";
      socket.on("data", (chunk) => {
        text += chunk.toString();
        if (text.includes("correlationId")) {
          socket.destroy();
          resolve(text);
        }
      });
      socket.on("error", reject);
    });
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toContain("SRT_BODY_TOO_LARGE");
  });

  it("refuses what is not JSON with 400, and what does not claim to be with 415", async () => {
    const malformed = await post("/api/v1/enrolment-tokens", "{", "application/json");
    expect([malformed.status, await codeOf(malformed)]).toEqual([400, "SRT_INVALID_REQUEST"]);
    const xml = await post("/api/v1/enrolment-tokens", "<a/>", "application/xml");
    expect([xml.status, await codeOf(xml)]).toEqual([415, "SRT_UNSUPPORTED_MEDIA_TYPE"]);
  });

  it("is closed to those without the operator's token, but for health", async () => {
    for (const path of ["/api/v1/devices", "/api/v1/system"]) {
      const { status, body } = await rest<ErrorReply>(controlPlane, "GET", path, undefined, null);
      expect([status, body.error.code]).toEqual([401, "SRT_UNAUTHENTICATED"]);
    }
    expect((await rest(controlPlane, "GET", "/api/v1/health/live", undefined, null)).status).toBe(200);
  });

  it("says that it is ready, and by which parts", async () => {
    const { status, body } = await rest(controlPlane, "GET", "/api/v1/health/ready", undefined, null);
    expect([status, body]).toEqual([200, { status: "ready", checks: { database: "ok", broker: "ok" } }]);
  });

  it("tells a newcomer where everything is", async () => {
    const { body } = await rest<SystemView>(controlPlane, "GET", "/api/v1/system");
    expect(systemViewSchema.parse(body)).toMatchObject({
      broker: "embedded",
      mqttUrl: controlPlane.mqttUrl,
      httpUrl: controlPlane.httpUrl,
      stateFolder: controlPlane.stateDir,
      devices: 0,
    });
  });

  it("describes itself in OpenAPI 3.1, with every schema named", async () => {
    const document = (await (await fetch(`${controlPlane.httpUrl}/api/openapi.json`)).json()) as OpenApi;
    expect(document.openapi).toBe("3.1.0");
    expect(Object.keys(document.paths)).toEqual(
      expect.arrayContaining(["/api/v1/devices", "/api/v1/devices/{deviceId}", "/api/v1/enrolments", "/api/v1/system"]),
    );
    expect(Object.keys(document.components.schemas)).toEqual(
      expect.arrayContaining(["DeviceSummary", "DeviceDetail", "EnrolmentRequest", "ErrorReply", "System"]),
    );
    const references = JSON.stringify(document).matchAll(/"#\/components\/schemas\/([^"]+)"/g);
    for (const [, name] of references)
      expect(document.components.schemas, `schema ${name}`).toHaveProperty([String(name)]);
  });

  it("says in OpenAPI which routes need no credential, and which need the operator's", async () => {
    const document = (await (await fetch(`${controlPlane.httpUrl}/api/openapi.json`)).json()) as OpenApi & {
      security: unknown;
    };
    const securityOf = (method: string, path: string) =>
      (document.paths[path]?.[method] as { security?: unknown } | undefined)?.security ?? document.security;
    for (const [method, path] of [
      ["get", "/api/v1/health/live"],
      ["get", "/api/v1/health/ready"],
      ["post", "/api/v1/enrolments"],
    ] as const)
      expect([path, securityOf(method, path)]).toEqual([path, []]);
    expect(securityOf("post", "/api/v1/enrolment-tokens")).toEqual([{ operator: [] }]);
    expect(securityOf("get", "/api/v1/chunks/{digest}")).toEqual([{ device: [] }]);
  });

  it("counts for Prometheus", async () => {
    const text = await (await fetch(`${controlPlane.httpUrl}/metrics`)).text();
    expect(text).toContain(
      'sartor_http_request_duration_seconds_count{method="GET",route="/api/v1/system",status="200"}',
    );
    expect(text).toContain('sartor_devices{presence="online"} 0');
  });

  it("serves the dashboard: pages by any address, hashed files for ever, nothing outside", async () => {
    const page = await fetch(`${controlPlane.httpUrl}/devices/some-device`);
    expect(await page.text()).toContain("<title>Sartor</title>");
    expect(page.headers.get("content-security-policy")).toContain("default-src 'self'");
    expect(page.headers.get("cache-control")).toBe("no-cache");
    const script = await fetch(`${controlPlane.httpUrl}/app-3f2a9c1b.js`);
    expect(script.headers.get("cache-control")).toContain("immutable");
    for (const path of ["/missing.js", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/api/secret.txt"]) {
      const reply = await fetch(`${controlPlane.httpUrl}${path}`);
      expect([path, reply.status]).toEqual([path, 404]);
    }
  });
});
