import { createHash } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { TestTrust } from "@sartor/agent/ota/testing";
import { serverOptions } from "../support/test-credentials.js";
import type { TinyBundle } from "../support/tiny-model.js";

/** Serves bundles and signed orders as the control plane does, as far as an agent needs it, and remembers what was asked for. */
export interface BundleServer {
  readonly url: string;
  /** Chunks that were sent, by digest. */
  readonly sentChunks: string[];
  /** Paths of signed metadata, orders and roots that were asked for, in order. */
  readonly sentTrust: string[];
  /** How many connections were made. */
  readonly connections: () => number;
  /** Answers no request for a chunk, but so many more, until it is released. */
  holdAfter(chunks: number): () => void;
  /** Answers in the server's place, as somebody evil would; says whether it did. */
  intercept: (path: string, response: ServerResponse, request: IncomingMessage) => boolean;
  stop(): Promise<void>;
}

const digestOf = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

function chunksOf({ manifest, files }: TinyBundle): [string, Uint8Array][] {
  return manifest.files.flatMap(({ name, chunks }) => {
    let position = 0;
    return chunks.map(({ digest, bytes }): [string, Uint8Array] => {
      const content = (files.get(name) ?? new Uint8Array()).subarray(position, position + bytes);
      position += bytes;
      if (digestOf(content) !== digest) throw new Error(`the bundle's file ${name} is not what its manifest says`);
      return [digest, content];
    });
  });
}

export async function startBundleServer(bundles: readonly TinyBundle[], trust: TestTrust): Promise<BundleServer> {
  const manifests = new Map(bundles.map(({ bundleId, manifestBytes }) => [bundleId, manifestBytes]));
  const chunks = new Map(bundles.flatMap(chunksOf));
  const sentChunks: string[] = [];
  const sentTrust: string[] = [];
  let connections = 0;
  const waiting = new Set<() => void>();
  let allowed = Number.POSITIVE_INFINITY;
  const answer = (response: ServerResponse, bytes: Uint8Array | undefined, range: string | undefined) => {
    const from = Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0);
    if (bytes === undefined) response.writeHead(404).end();
    else response.writeHead(range === undefined ? 200 : 206).end(bytes.subarray(from));
  };
  const server = createServer(serverOptions, (request, response) => {
    const path = request.url ?? "";
    if (running.intercept(path, response, request)) return;
    const [, , , kind, id = ""] = path.split("/");
    if (kind === "trust") {
      sentTrust.push(path);
      const { status, body } = trust.respond(path) ?? { status: 404, body: undefined };
      return response.writeHead(status).end(body);
    }
    if (kind === "bundles") return answer(response, manifests.get(id), undefined);
    const send = () => {
      // Whoever asked may have been killed meanwhile.
      if (response.destroyed || request.socket.destroyed) return;
      allowed -= 1;
      sentChunks.push(id);
      answer(response, chunks.get(id), request.headers.range);
    };
    if (allowed <= 0) waiting.add(send);
    else send();
  });
  server.on("secureConnection", () => {
    connections += 1;
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const running: BundleServer = {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sentChunks,
    sentTrust,
    connections: () => connections,
    intercept: () => false,
    holdAfter: (count) => {
      allowed = count;
      return () => {
        allowed = Number.POSITIVE_INFINITY;
        for (const send of waiting) send();
        waiting.clear();
      };
    },
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return running;
}
