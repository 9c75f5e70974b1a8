import type { HttpAnswer, httpGet } from "../../platform/index.js";
import type { CacheAnswer, SiteCache } from "./site-cache.js";

/** Requests that the device's own cache answers without a network: what it installs itself, its neighbours have then as well. */
export function getFromOwnCache(cache: Pick<SiteCache, "answer">): typeof httpGet {
  return async ({ pathname, search }, { headers = {} }): Promise<HttpAnswer> => {
    const answer = await cache.answer({ method: "GET", target: pathname + search, headers });
    return {
      status: answer.status,
      headers: answer.headers,
      body: readAndClose(answer),
      discard: () => void answer.close(),
    };
  };
}

async function* readAndClose({ body, close }: CacheAnswer): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } finally {
    await close();
  }
}
