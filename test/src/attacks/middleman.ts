import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Agent, createServer, request as httpsRequest } from "node:https";
import type { TLSSocket } from "node:tls";
import { makeCertificateRequest, makeDeviceKey } from "@sartor/agent/identity/testing";
import { type TlsCredential, TlsIdentity } from "@sartor/agent/platform";
import type { ServerCertificateReply } from "@sartor/shared/protocol";
import { rest } from "../support/enrolled-device.js";

/** What a device asked for. */
export interface Exchange {
  readonly path: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** What the control plane answered, whole, before the device hears of it. */
export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

/** Stands between devices and a control plane, with a certificate that devices trust, and passes everything on. */
export interface Middleman {
  readonly url: string;
  /** What was asked for, in order. */
  readonly asked: string[];
  /** Answers by itself: says whether it did. */
  intercept: (exchange: Exchange) => boolean;
  /** Changes what the control plane answered, in place; true when it sent something by itself. */
  tamper: (path: string, answer: Answer, response: ServerResponse) => boolean | undefined;
  /** Asks the control plane as a device would. */
  fetch(path: string, deviceId?: string): Promise<Answer>;
  stop(): Promise<void>;
}

interface Asking {
  readonly path: string;
  readonly method?: string;
  readonly headers?: IncomingMessage["headers"];
  readonly sent?: Buffer;
}

interface Upstream {
  readonly httpUrl: string;
  readonly operatorToken: string;
  readonly devicePort: number;
}

/**
 * Starts one on a port.
 *
 * @param credential what is shown to the control plane for a device, or for somebody anonymous: whoever is in the middle of a compromised
 *   control plane has its answers anyway
 */
export async function startMiddleman(
  upstream: Upstream,
  port: number,
  credential: (deviceId: string | undefined) => TlsCredential,
): Promise<Middleman> {
  const key = makeDeviceKey();
  const { status, body } = await rest<ServerCertificateReply>(upstream, "POST", "/api/v1/certificates/servers", {
    csr: await makeCertificateRequest(key),
    names: ["127.0.0.1"],
  });
  if (status >= 300) throw new Error(`no server certificate: ${status} ${JSON.stringify(body)}`);
  const agents = new Map<string, Agent>();
  const agentOf = (known: TlsCredential) => {
    const name = known.client?.certificate ?? "anonymous";
    const agent =
      agents.get(name) ?? new Agent({ ...new TlsIdentity(known).options(), keepAlive: true, maxSockets: 8 });
    agents.set(name, agent);
    return agent;
  };
  const ask = (known: TlsCredential, { path, method = "GET", headers = {}, sent }: Asking): Promise<Answer> =>
    new Promise((resolve, reject) => {
      // The name that the device knows stays: by it the control plane tells devices where they reach it.
      const { connection: _connection, ...kept } = headers;
      const options = { method, headers: kept, agent: agentOf(known) };
      const asking = httpsRequest(`https://127.0.0.1:${upstream.devicePort}${path}`, options, (answer) => {
        const pieces: Buffer[] = [];
        answer.on("data", (piece: Buffer) => pieces.push(piece));
        answer.on("error", reject);
        answer.on("end", () => {
          const { connection: _gone, "keep-alive": _goes, "transfer-encoding": _too, ...others } = answer.headers;
          resolve({ status: answer.statusCode ?? 502, headers: others, body: Buffer.concat(pieces) });
        });
      });
      asking.on("error", reject);
      asking.end(sent);
    });

  const middleman: Middleman = {
    url: `https://127.0.0.1:${port}`,
    asked: [],
    intercept: () => false,
    tamper: () => undefined,
    fetch: (path, deviceId) => ask(credential(deviceId), { path }),
    async stop() {
      for (const agent of agents.values()) agent.destroy();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  const server = createServer(
    {
      key,
      cert: body.certificate,
      ca: body.authorities,
      requestCert: true,
      rejectUnauthorized: false,
    },
    (request, response) => void pass(request, response),
  );
  const pass = async (request: IncomingMessage, response: ServerResponse) => {
    const path = request.url ?? "/";
    middleman.asked.push(path);
    response.on("error", () => undefined);
    try {
      if (middleman.intercept({ path, request, response })) return;
      const pieces: Buffer[] = [];
      for await (const piece of request) pieces.push(piece as Buffer);
      const { method = "GET", headers } = request;
      const { CN } = (request.socket as TLSSocket).getPeerCertificate().subject ?? {};
      const deviceId = typeof CN === "string" ? CN : undefined;
      const answer = await ask(credential(deviceId), { path, method, headers, sent: Buffer.concat(pieces) });
      const before = answer.body;
      const isSent = middleman.tamper(path, answer, response) ?? false;
      if (isSent) return;
      // A body that was changed has another length; one that was left alone keeps what was said of it.
      if (answer.body !== before) answer.headers["content-length"] = String(answer.body.byteLength);
      response.writeHead(answer.status, answer.headers).end(answer.body);
    } catch {
      response.destroy();
    }
  };
  server.on("tlsClientError", () => undefined);
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return middleman;
}
