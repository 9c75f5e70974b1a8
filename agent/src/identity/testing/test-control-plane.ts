import { createHash, randomBytes, verify, X509Certificate } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { lateRenewalRequestSchema, renewalRequestSchema } from "@sartor/shared/protocol";
import { TestAuthority, type Validity } from "./test-authority.js";

export interface Recorded {
  readonly path: string;
  readonly body: Record<string, unknown>;
  /** Serial of the client certificate; undefined for somebody anonymous. */
  readonly serial: string | undefined;
}

/** A TLS server that speaks what a control plane speaks about certificates, so far as an agent sees it. */
export class TestControlPlane {
  readonly authority: TestAuthority;
  readonly requests: Recorded[] = [];
  deviceId = "device-1";
  /** Whether a device without a token is let in, or told to wait. */
  isClaimed = false;
  /** Of what is issued from now on. */
  validity: Validity = {};
  /** Answers in the place of what would be answered; says whether it did. */
  intercept: (path: string, response: ServerResponse, body: Record<string, unknown>) => boolean = () => false;
  /** Changes what the reply of an enrolment or a renewal says. */
  alter: (reply: Record<string, unknown>) => Record<string, unknown> = (reply) => reply;
  readonly #server: Server;
  readonly #nonces = new Set<string>();

  private constructor(authority: TestAuthority, server: Server) {
    this.authority = authority;
    this.#server = server;
  }

  static async start(authority?: TestAuthority, serverNames?: readonly string[]): Promise<TestControlPlane> {
    const own = authority ?? (await TestAuthority.create());
    const { certificate, key } = await own.issueServer(serverNames);
    const server = createServer({ cert: certificate, key, ca: own.root, requestCert: true, rejectUnauthorized: false });
    const controlPlane = new TestControlPlane(own, server);
    server.on("request", (request, response) => void controlPlane.#answer(request, response));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return controlPlane;
  }

  get url(): string {
    return `https://localhost:${(this.#server.address() as AddressInfo).port}`;
  }

  get token(): string {
    return `${randomBytes(32).toString("base64url")}.${this.authority.fingerprint}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  of(path: string): Recorded[] {
    return this.requests.filter((request) => request.path === path);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const text = Buffer.concat(pieces).toString("utf8");
    const body = text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
    const path = request.url ?? "";
    const socket = request.socket as TLSSocket;
    const serial = socket.authorized ? socket.getPeerCertificate().serialNumber : undefined;
    this.requests.push({ path, body, serial });
    if (this.intercept(path, response, body)) return;
    const json = (status: number, value: unknown) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(value));
    };
    const refuse = (status: number, code: string) => json(status, { error: { code, message: code } });
    if (path === "/api/v1/certificates/authority") return void response.end(this.authority.root);
    if (path === "/api/v1/enrolments") return json(200, this.alter(await this.#enrol(String(body.csr))));
    if (path === "/api/v1/enrolments/pending") {
      if (this.isClaimed) return json(200, this.alter(await this.#enrol(String(body.csr))));
      const fingerprint = "0".repeat(64);
      return json(202, { status: "pending", fingerprint, retryAfterSeconds: 30, expiresAt: Date.now() + 3_600_000 });
    }
    if (path === "/api/v1/certificates/nonces/new") {
      const nonce = randomBytes(32).toString("base64url");
      this.#nonces.add(nonce);
      return json(200, { nonce, expiresInSeconds: 60 });
    }
    if (path === "/api/v1/certificates/late-renewals") {
      if (!this.#isProved(body)) return refuse(401, "SRT_UNAUTHENTICATED");
      return json(200, this.alter(await this.#issue(String(body.csr))));
    }
    // From here on devices only.
    if (serial === undefined) return refuse(401, "SRT_CERTIFICATE_EXPIRED");
    if (path === "/api/v1/certificates/renewals")
      return json(200, this.alter(await this.#issue(renewalRequestSchema.parse(body).csr)));
    refuse(503, "SRT_TRUST_NO_ROOT");
  }

  async #issue(csr: string) {
    const certificate = await this.authority.issueDevice(this.deviceId, csr, this.validity);
    return { certificate, authorities: this.authority.root };
  }

  async #enrol(csr: string) {
    const addresses = { mqttUrl: "mqtts://localhost:8883", httpUrl: this.url };
    return { deviceId: this.deviceId, ...addresses, ...(await this.#issue(csr)) };
  }

  #isProved(body: Record<string, unknown>): boolean {
    const { certificate, nonce, signature, csr } = lateRenewalRequestSchema.parse(body);
    const digest = createHash("sha256").update(csr).digest("hex");
    const text = Buffer.from(`sartor-late-renewal\n${nonce}\n${digest}`);
    const { publicKey } = new X509Certificate(certificate);
    return this.#nonces.delete(nonce) && verify("sha256", text, publicKey, Buffer.from(signature, "base64url"));
  }
}
