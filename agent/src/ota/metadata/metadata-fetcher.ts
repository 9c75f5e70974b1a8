import type { Fetcher } from "tuf-js";
import { DownloadHTTPError } from "tuf-js/dist/error.js";
import { type DownloadTools, downloadBounded } from "./bounded-download.js";
import { largestMetadata } from "./retrieval-limits.js";

/** tuf-js' way to the network, with bounds on every file. It fetches metadata only: bundles have their own, resumable download. */
export class MetadataFetcher implements Fetcher {
  readonly #repository: string;
  readonly #tools: DownloadTools;
  readonly #signal: AbortSignal;
  readonly #onOutcome: (role: string, failure: unknown) => void;

  /** `onOutcome` is told how each download ended (failure: undefined when it went well): tuf-js wraps errors in text. */
  constructor(
    repository: string,
    tools: DownloadTools,
    signal: AbortSignal,
    onOutcome: (role: string, failure: unknown) => void,
  ) {
    this.#repository = repository;
    this.#tools = tools;
    this.#signal = signal;
    this.#onOutcome = onOutcome;
  }

  /** @throws DownloadHTTPError (tuf-js takes 403 and 404 on a root as "there is no newer one"), or what {@link downloadBounded} throws */
  async downloadBytes(url: string, maximumLength: number): Promise<Buffer> {
    const role = roleOfUrl(url);
    try {
      const result = await downloadBounded(
        {
          url: new URL(url),
          what: `the ${role} metadata of the ${this.#repository} repository`,
          // A length that a stolen online key signed does not lift our own limit.
          maximumBytes: Math.min(maximumLength, largestMetadata(role)),
          signal: this.#signal,
        },
        this.#tools,
      );
      if (typeof result === "number") throw new DownloadHTTPError(`the server answered with status ${result}`, result);
      this.#onOutcome(role, undefined);
      return result;
    } catch (error) {
      this.#onOutcome(role, error);
      throw error;
    }
  }

  /** Only tuf-js' downloadTarget needs it, which is not used: it has no range, no resumption and no bound that a slow line could live with. */
  downloadFile(): Promise<never> {
    return Promise.reject(new Error("Targets are not downloaded through tuf-js."));
  }
}

/** `12.root.json` is root's, `timestamp.json` timestamp's; for messages and limits only. */
function roleOfUrl(url: string): string {
  const file = new URL(url).pathname.split("/").at(-1) ?? "";
  return decodeURIComponent(file.replace(/\.json$/, "").replace(/^\d+\./, ""));
}
