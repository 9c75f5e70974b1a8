import { describe, expect, it } from "vitest";
import { ApiClient } from "./api-client.js";

interface Reply {
  readonly status?: number;
  readonly body: unknown;
}

/** A client whose requests are answered by a script. */
function clientWith(answer: (url: URL, init: RequestInit) => Reply | Error) {
  const requests: string[] = [];
  let refusals = 0;
  const scripted = async (input: string | URL | Request, init: RequestInit = {}) => {
    const url = new URL(String(input), "http://control-plane");
    requests.push(`${init.method} ${url.pathname}${url.search}`);
    const reply = answer(url, init);
    if (reply instanceof Error) throw reply;
    const text = typeof reply.body === "string" ? reply.body : JSON.stringify(reply.body);
    return new Response(text, { status: reply.status ?? 200 });
  };
  const client = new ApiClient({
    token: "secret",
    fetch: scripted,
    onUnauthenticated: () => {
      refusals += 1;
    },
  });
  return { client, requests, refusals: () => refusals };
}

const signal = new AbortController().signal;

describe("reading from the control plane", () => {
  it("reads a list to its end, page after page, with the operator's token", async () => {
    const tokens = new Set<unknown>();
    const { client, requests } = clientWith((url, init) => {
      tokens.add(new Headers(init.headers).get("authorization"));
      const last = url.searchParams.get("cursor") === "next";
      return { body: { items: [last ? "b" : "a"], nextCursor: last ? null : "next" } };
    });
    expect(await client.rollouts(signal)).toEqual(["a", "b"]);
    expect(requests).toHaveLength(2);
    expect([...tokens]).toEqual(["Bearer secret"]);
  });

  it("ends even when a server never stops giving pages", async () => {
    const { client, requests } = clientWith(() => ({ body: { items: [], nextCursor: "again" } }));
    await client.rollouts(signal);
    expect(requests.length).toBeLessThanOrEqual(200);
  });

  it("reads a long range of telemetry backwards until it is complete", async () => {
    const { client, requests } = clientWith((url) => {
      const [from, to, limit] = ["from", "to", "limit"].map((name) => Number(url.searchParams.get(name)));
      const all = Array.from({ length: 12_000 }, (_, index) => ({ at: index }));
      const points = all.filter(({ at }) => at >= (from ?? 0) && at <= (to ?? 0)).slice(-(limit ?? 0));
      const windows = { received: points.length, missing: 0, dropped: 0 };
      return { body: { deviceId: "pi", points, classCounts: { "0": points.length }, windows } };
    });
    const reply = await client.telemetry("pi", 0, 20_000, signal);
    expect(reply.points.map(({ at }) => at)).toEqual(Array.from({ length: 12_000 }, (_, index) => index));
    expect(reply.classCounts).toEqual({ "0": 12_000 });
    expect(requests).toHaveLength(3);
  });

  it("reads all deployments of a large rollout, and asks no further for a small one", async () => {
    const all = Array.from({ length: 2_300 }, (_, index) => ({ deviceId: `device-${String(index).padStart(5, "0")}` }));
    const serving = (count: number) =>
      clientWith((url) => {
        const devices = all.slice(0, count);
        if (!url.pathname.endsWith("/deployments")) return { body: { deployments: devices.slice(0, 1_000) } };
        const left = devices.filter(({ deviceId }) => deviceId > (url.searchParams.get("cursor") ?? ""));
        const items = left.slice(0, Number(url.searchParams.get("limit")));
        return { body: { items, nextCursor: left.length > items.length ? items.at(-1)?.deviceId : null } };
      });
    const large = serving(2_300);
    expect((await large.client.rollout("r", signal)).deployments).toEqual(all);
    expect(large.requests).toHaveLength(3);
    const small = serving(999);
    expect((await small.client.rollout("r", signal)).deployments).toHaveLength(999);
    expect(small.requests).toHaveLength(1);
  });

  it("gives the server's code and sentence when it refuses, and asks for sign-in when the token is not accepted", async () => {
    const body = { error: { code: "SRT_UNAUTHENTICATED", message: "No valid credential.", correlationId: "c-1" } };
    const { client, refusals } = clientWith(() => ({ status: 401, body }));
    await expect(client.system(signal)).rejects.toMatchObject({ ...body.error, status: 401 });
    expect(refusals()).toBe(1);
  });

  it("has a code for a proxy's error page, and for a control plane that cannot be reached", async () => {
    const proxy = clientWith(() => ({ status: 502, body: "<html>Bad gateway</html>" }));
    await expect(proxy.client.system(signal)).rejects.toMatchObject({ code: "HTTP_502", status: 502 });
    const gone = clientWith(() => new TypeError("fetch failed"));
    await expect(gone.client.system(signal)).rejects.toMatchObject({ code: "NETWORK", status: 0 });
  });

  it("keeps an id inside its place of the address", async () => {
    const { client, requests } = clientWith(() => ({ body: {} }));
    await client.device("../system?x=1", signal);
    expect(requests).toEqual(["GET /api/v1/devices/..%2Fsystem%3Fx%3D1"]);
  });
});
