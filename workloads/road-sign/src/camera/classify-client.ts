import { SartorError } from "@sartor/shared/errors";

/** What became of one frame. */
export type Answer =
  | { readonly kind: "classified"; readonly index: number; readonly label: string; readonly probability: number }
  /** No model serves yet, or nobody listens: worth waiting for. */
  | { readonly kind: "not-ready"; readonly reason: string }
  | { readonly kind: "failed"; readonly reason: string };

/** Longest answer that is read, characters: a reply lists a few classes only. */
const MAXIMUM_REPLY = 64 * 1024;
/** Longest wait for one answer, ms. */
const TIMEOUT_MS = 10_000;

/**
 * Sends one picture to a device's `POST /v2/models/road-sign/classify`.
 *
 * @param signal ends the request early; it then counts as not ready
 */
export async function classifyPicture(
  base: URL,
  picture: Buffer,
  contentType: "image/png" | "image/jpeg",
  signal: AbortSignal,
): Promise<Answer> {
  const address = new URL("v2/models/road-sign/classify", base);
  try {
    const response = await fetch(address, {
      method: "POST",
      headers: { "content-type": contentType },
      body: new Uint8Array(picture),
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    const text = await readReply(response);
    if (response.status === 503 || response.status === 404) {
      return { kind: "not-ready", reason: `HTTP ${response.status}` };
    }
    if (!response.ok) return { kind: "failed", reason: `HTTP ${response.status}: ${text.slice(0, 200)}` };
    return parseReply(text);
  } catch (thrown) {
    return { kind: "not-ready", reason: reasonOf(thrown) };
  }
}

async function readReply(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const part of response.body ?? []) {
    text += decoder.decode(part, { stream: true });
    if (text.length > MAXIMUM_REPLY) throw new SartorError("SRT_BODY_TOO_LARGE", "The device's answer is too long.");
  }
  return text;
}

/** Reads `{ class: { index, label, probability } }`; anything else is a failure, never an exception. */
export function parseReply(text: string): Answer {
  let reply: unknown;
  try {
    reply = JSON.parse(text);
  } catch {
    return { kind: "failed", reason: "the answer is not JSON" };
  }
  const found = isRecord(reply) ? reply.class : undefined;
  if (!isRecord(found)) return { kind: "failed", reason: "the answer names no class" };
  const { index, label, probability } = found;
  if (typeof index !== "number" || typeof label !== "string" || typeof probability !== "number") {
    return { kind: "failed", reason: "the answer's class lacks index, label or probability" };
  }
  return { kind: "classified", index, label, probability };
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown.cause instanceof Error ? thrown.cause.message : thrown.message;
}
