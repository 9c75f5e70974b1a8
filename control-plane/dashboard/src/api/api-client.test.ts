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
    credential: { kind: "token", token: "secret" },
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

  it("keeps whoever typed a wrong present password signed in", async () => {
    const body = { error: { code: "SRT_LOGIN_FAILED", message: "The present password is wrong." } };
    const { client, refusals } = clientWith(() => ({ status: 401, body }));
    const change = { current: "not this one", next: "whatever it is" };
    await expect(client.people.changePassword(change, signal)).rejects.toMatchObject(body.error);
    expect(refusals()).toBe(0);
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

describe("ordering something of the control plane", () => {
  it("sends what was chosen as JSON, and takes a reply without content for done", async () => {
    const bodies: unknown[] = [];
    const { client, requests } = clientWith((_, init) => {
      bodies.push(init.body === undefined ? undefined : JSON.parse(String(init.body)));
      return init.method === "DELETE" ? { status: 200, body: "" } : { status: 202, body: { buildId: "B" } };
    });
    const key = { model: "road-sign", version: "1.0.0" };
    expect(await client.tailoring.startBuild(key, { variants: ["fp16"] }, signal)).toEqual({ buildId: "B" });
    await client.tailoring.removeDataset("road-sign", "D", signal);
    expect(requests).toEqual([
      "POST /api/v1/models/road-sign/versions/1.0.0/builds",
      "DELETE /api/v1/models/road-sign/datasets/D",
    ]);
    expect(bodies).toEqual([{ variants: ["fp16"] }, undefined]);
  });

  it("finds the deployment of one device without reading the whole rollout", async () => {
    const all = ["pi-0", "pi-1", "pi-10", "pi-2", "zebra"].map((deviceId) => ({ deviceId }));
    const { client, requests } = clientWith((url) => {
      const after = url.searchParams.get("cursor") ?? "";
      const left = all.filter(({ deviceId }) => deviceId > after);
      const items = left.slice(0, Number(url.searchParams.get("limit")));
      return { body: { items, nextCursor: null } };
    });
    expect(await client.deploymentOf("R", "pi-2", signal)).toEqual({ deviceId: "pi-2" });
    expect(await client.deploymentOf("R", "pi-3", signal)).toBeNull();
    expect(requests).toHaveLength(2);
  });
});
