import type { AuditHead, ChainedAuditEntry, Page } from "@sartor/shared/protocol";
import type { Transport } from "./transport.js";

/** Entries that are read at once. */
const PAGE_SIZE = 200;
/** The server reads its whole log to follow the chain. */
const VERIFICATION_TIMEOUT_MS = 300_000;

/** The log of who did what, for admins. Every method throws an `ApiError`. */
export class AuditClient {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The newest entries, or those behind a cursor. */
  page(cursor: string | null, signal: AbortSignal): Promise<Page<ChainedAuditEntry>> {
    const query = new URLSearchParams({ limit: String(PAGE_SIZE), ...(cursor === null ? {} : { cursor }) });
    return this.#transport.request("GET", `/api/v1/audit?${query}`, signal);
  }

  /** Has the server follow the whole chain; gives its end. */
  verify(signal: AbortSignal): Promise<AuditHead> {
    return this.#transport.request("GET", "/api/v1/audit/verification", signal, undefined, VERIFICATION_TIMEOUT_MS);
  }
}
