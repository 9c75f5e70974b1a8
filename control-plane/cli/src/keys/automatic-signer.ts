import { SartorError } from "@sartor/shared/errors";
import { holdCeremony, releaseKeyName, releaseKeyPurpose } from "./ceremony.js";
import { planChange } from "./change-keys.js";
import type { KeyFile } from "./key-file.js";
import { type KeyRing, publicOf } from "./key-ring.js";
import { signRequest } from "./sign-request.js";
import type { TrustApi } from "./trust-api.js";

/** Rounds of signing: signing one request may open another. */
const ROUNDS = 10;
/** Between two looks for something to sign, ms. */
const EVERY_MS = 1_000;

/** What {@link AutomaticSigner} needs. */
export interface AutomaticSignerOptions {
  /** The control plane as it can be reached now: one that was started again may be elsewhere. */
  readonly api: () => TrustApi;
  readonly ring: KeyRing;
  /** Every key that may sign. */
  readonly files: () => Promise<readonly KeyFile[]>;
  /** The control plane's time, ms since 1970: what is signed ends by it. */
  readonly now: () => number;
}

/** Holds the key ceremony and signs whatever appears, without asking anybody. Two calls at once wait for each other. */
export class AutomaticSigner {
  readonly #is: AutomaticSignerOptions;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: AutomaticSignerOptions) {
    this.#is = options;
  }

  /** Holds the key ceremony; one that was held already is left as it is. */
  ceremony(): Promise<void> {
    return this.#inTurn(async () => {
      const { ring, now } = this.#is;
      const api = this.#is.api();
      if ((await api.status()).ready) return;
      await holdCeremony({ api, ring, families: [], now: now(), say: () => undefined });
    });
  }

  /**
   * Signs everything that is open, and has models signed that are new, until nothing is left that these keys may sign.
   *
   * @returns how many requests were published
   */
  signAll(): Promise<number> {
    return this.#inTurn(async () => {
      const api = this.#is.api();
      let published = 0;
      for (let round = 0; round < ROUNDS; round++) {
        const { ready, modelsWithoutRole, openRequests } = await api.status();
        if (!ready || (modelsWithoutRole.length === 0 && openRequests === 0)) break;
        const before = published;
        for (const family of modelsWithoutRole) published += await this.#addFamily(api, family);
        // Roots first: they may name keys that the others need.
        const open = (await api.requests(false)).sort((a, b) => Number(b.role === "root") - Number(a.role === "root"));
        for (const { requestId } of open) published += Number(await this.#sign(api, requestId));
        if (published === before) break;
      }
      return published;
    });
  }

  /**
   * Signs whatever appears until the signal; never rejects.
   *
   * @param onProblem told what fails, once for each message: it is tried again
   */
  async run(signal: AbortSignal, onProblem: (error: unknown) => void, everyMs: number = EVERY_MS): Promise<void> {
    let told: string | undefined;
    while (!signal.aborted) {
      try {
        await this.signAll();
        told = undefined;
      } catch (error) {
        const { message } = SartorError.from(error);
        if (message !== told) onProblem(error);
        told = message;
      }
      await sleep(everyMs, signal);
    }
  }

  async #addFamily(api: TrustApi, family: string): Promise<number> {
    const { file } = await this.#is.ring.ensure(releaseKeyName(family), releaseKeyPurpose(family));
    const proposals = await planChange(api, { kind: "family", family, key: publicOf(file) }, this.#is.now());
    let published = 0;
    for (const proposal of proposals) {
      const { requestId } = await api.propose(proposal);
      published += Number(await this.#sign(api, requestId));
    }
    return published;
  }

  async #sign(api: TrustApi, requestId: string): Promise<boolean> {
    const { ring, files } = this.#is;
    const options = { api, ring, requestId, files: await files(), say: () => undefined, confirm: async () => true };
    try {
      return (await signRequest(options)).status === "published";
    } catch (error) {
      // Another request took its place meanwhile, or it is for keys of somebody else.
      if (error instanceof SartorError && PASSED_OVER.has(error.code)) return false;
      throw error;
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}

const PASSED_OVER: ReadonlySet<string> = new Set(["SRT_CONFLICT", "SRT_KEY_UNKNOWN"]);

/** Resolves after a time or with the signal; keeps no process alive. */
function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds).unref();
    signal.addEventListener("abort", done, { once: true });
  });
}
