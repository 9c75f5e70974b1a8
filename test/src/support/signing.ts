import { ApiClient } from "@sartor/cli/api-client";
import { AutomaticSigner, TrustApi } from "@sartor/cli/keys";
import { testKeys } from "./test-keys.js";
import { waitFor } from "./wait-for.js";

/** Where a control plane is now; one that was started again may be elsewhere. */
export interface SigningAddress {
  readonly httpUrl: string;
  readonly operatorToken: string;
}

const EVERY_MS = 100;
const SIGNED_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 10;

/** Holds the key ceremony of a control plane and signs what appears there, as the people with the keys would: by the REST interface only. */
export class Signer extends AutomaticSigner {
  readonly #trust: () => TrustApi;

  /** @param now the control plane's clock: what is signed ends by it */
  constructor(address: () => SigningAddress, now: () => number = Date.now, keys = testKeys()) {
    const api = () => {
      const { httpUrl, operatorToken } = address();
      return new TrustApi(new ApiClient(httpUrl, operatorToken));
    };
    super({ api, ring: keys, files: async () => keys.files, now });
    this.#trust = api;
  }

  /** The operators' side of trust. */
  get trust(): TrustApi {
    return this.#trust();
  }

  /** Signs until devices believe every variant of a version that is offered by now. */
  async signed(model: string, version: string): Promise<void> {
    await waitFor(
      `${model} ${version} to be signed`,
      async () => {
        const { bundles } = await this.trust.version(model, version);
        if (bundles.every(({ signed }) => signed !== null)) return true;
        await this.signAll();
        return undefined;
      },
      SIGNED_WITHIN_MS,
      LOOK_EVERY_MS,
    );
  }

  /** Signs in the background whatever appears. While the control plane is away it is tried again. */
  keepSigning({ everyMs = EVERY_MS }: { readonly everyMs?: number } = {}): { stop(): Promise<void> } {
    const end = new AbortController();
    // What fails for good shows where somebody waits for a signature.
    const loop = this.run(end.signal, () => undefined, everyMs);
    return {
      stop: async () => {
        end.abort();
        await loop;
      },
    };
  }
}
