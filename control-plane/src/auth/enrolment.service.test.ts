import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EnrolmentReply, enrolmentTokenRequestSchema } from "@sartor/shared/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadSettings, PublicAddresses, SystemIds } from "../config/index.js";
import { Database } from "../database/index.js";
import { EventBus } from "../events/index.js";
import { SetClock } from "../testing/set-clock.js";
import { loadAuthority } from "./authority-material.js";
import { CertificateAuthority } from "./certificate-authority.js";
import { CertificatesRepository } from "./certificates.repository.js";
import { DeviceConnections } from "./device-connections.js";
import { DeviceGroups } from "./device-groups.service.js";
import { DeviceIdentities } from "./device-identities.service.js";
import { EnrolmentService } from "./enrolment.service.js";
import { EnrolmentsRepository } from "./enrolments.repository.js";
import { RevocationList } from "./revocation-list.service.js";
import { StrangersLimit } from "./strangers-limit.js";
import { makeCertificateRequest } from "./testing/certificate-request.js";

const candidate = { schemaVersion: 1 as const, name: "Gate 7", emulated: false, hardware: ["linux-arm64"] };
const origin = { address: "192.0.2.1", host: undefined };

describe("enrolment", () => {
  let folder: string;
  let database: Database;
  let clock: SetClock;
  let identities: DeviceIdentities;
  let enrolment: EnrolmentService;
  let groups: DeviceGroups;
  let connections: DeviceConnections;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sartor-enrolment-"));
    database = await Database.open(`sqlite:${join(folder, "db.sqlite")}`);
    clock = new SetClock(Date.now());
    const settings = loadSettings({ SARTOR_ENROLMENTS_PER_MINUTE: "1000", SARTOR_PENDING_ENROLMENTS: "2" });
    const authority = await CertificateAuthority.of(await loadAuthority(folder, undefined, clock.at));
    const certificates = new CertificatesRepository(database);
    const list = new RevocationList(authority, certificates, clock);
    const events = new EventBus();
    connections = new DeviceConnections();
    identities = new DeviceIdentities(certificates, connections, list, events, clock, settings);
    groups = new DeviceGroups(database, events);
    enrolment = new EnrolmentService(
      new EnrolmentsRepository(database),
      authority,
      identities,
      groups,
      new StrangersLimit(clock, settings),
      events,
      clock,
      new SystemIds(clock),
      new PublicAddresses(settings),
      settings,
    );
  });
  afterEach(async () => {
    identities.onModuleDestroy();
    await database.close();
    await rm(folder, { recursive: true });
  });

  const tokenFor = async (request: object = {}) =>
    (await enrolment.createToken(enrolmentTokenRequestSchema.parse(request))).token;
  const enrol = (token: string, csr: string) => enrolment.enrol({ ...candidate, token, csr }, origin);

  it("of ten devices that send one token at once exactly one gets in", async () => {
    const token = await tokenFor();
    const requests = await Promise.all(Array.from({ length: 10 }, () => makeCertificateRequest()));
    const outcomes = await Promise.allSettled(requests.map(({ csr }) => enrol(token, csr)));
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ code: "SRT_ENROLMENT_TOKEN_USED" });
    }
  });

  it("a device that sends its token again and again, at once too, has one certificate", async () => {
    const token = await tokenFor();
    const { csr } = await makeCertificateRequest();
    const replies = await Promise.all([enrol(token, csr), enrol(token, csr), enrol(token, csr)]);
    expect(new Set(replies.map(({ certificate }) => certificate)).size).toBe(1);
    const [{ deviceId }] = replies as [EnrolmentReply, ...EnrolmentReply[]];
    expect((await identities.certificatesOf(deviceId)).certificates).toHaveLength(1);
  });

  it("a token ends in time, and one of another control plane is unknown", async () => {
    const token = await tokenFor({ lifetimeSeconds: 60 });
    const { csr } = await makeCertificateRequest();
    await expect(enrol(`${token.slice(0, 44)}${"A".repeat(43)}`, csr)).rejects.toMatchObject({
      code: "SRT_ENROLMENT_TOKEN_UNKNOWN",
    });
    clock.at += 60_000;
    await expect(enrol(token, csr)).rejects.toMatchObject({ code: "SRT_ENROLMENT_TOKEN_EXPIRED" });
  });

  it("a token for other hardware is refused and can be used still by the right device", async () => {
    const token = await tokenFor({ hardware: ["linux-x64"] });
    const { csr } = await makeCertificateRequest();
    await expect(enrol(token, csr)).rejects.toMatchObject({ code: "SRT_ENROLMENT_SCOPE" });
    const right = { ...candidate, token, csr, hardware: ["camera-2", "linux-x64"] };
    expect((await enrolment.enrol(right, origin)).deviceId).toMatch(/^gate-7-/);
  });

  it("a replacement ends the old certificates and connections, raises the generation, and keeps the id", async () => {
    const { deviceId } = await enrol(await tokenFor(), (await makeCertificateRequest()).csr);
    const [old] = (await identities.certificatesOf(deviceId)).certificates;
    const closed: string[] = [];
    const connection = { deviceId, serial: old?.serial ?? "", notAfter: 0, kind: "mqtt" as const };
    connections.add({ ...connection, close: () => closed.push(deviceId) });
    const replaced = await enrol(await tokenFor({ replaces: deviceId }), (await makeCertificateRequest()).csr);
    expect(replaced.deviceId).toBe(deviceId);
    expect(closed).toEqual([deviceId]);
    const { generation, certificates } = await identities.certificatesOf(deviceId);
    expect(generation).toBe(1);
    expect(new Set(certificates.map(({ reason }) => reason))).toEqual(new Set(["replaced", null]));
  });

  it("a replacement of a device that was removed meanwhile gives nothing", async () => {
    const { deviceId } = await enrol(await tokenFor(), (await makeCertificateRequest()).csr);
    const token = await tokenFor({ replaces: deviceId });
    await identities.remove(deviceId);
    const { csr } = await makeCertificateRequest();
    await expect(enrol(token, csr)).rejects.toMatchObject({ code: "SRT_DEVICE_UNKNOWN" });
  });

  it("a device comes into the group of its token, and one that replaces it stays there", async () => {
    const { deviceId } = await enrol(await tokenFor({ group: "plant-1" }), (await makeCertificateRequest()).csr);
    expect(await groups.of(deviceId)).toBe("plant-1");
    await enrol(await tokenFor({ replaces: deviceId }), (await makeCertificateRequest()).csr);
    expect(await groups.of(deviceId)).toBe("plant-1");
    const other = await enrol(await tokenFor(), (await makeCertificateRequest()).csr);
    expect(await groups.of(other.deviceId)).toBe("default");
    expect(() => enrolmentTokenRequestSchema.parse({ group: "plant-2", replaces: deviceId })).toThrow("name either");
  });

  it("a key that was allowed for one group is not taken over by who is for another", async () => {
    const request = { fingerprint: "a".repeat(64), lifetimeSeconds: 60, offlineSite: false };
    await enrolment.allowKey({ ...request, group: "plant-1" }, ["plant-1"]);
    await expect(enrolment.allowKey({ ...request, group: "plant-2" }, ["plant-2"])).rejects.toMatchObject({
      code: "SRT_GROUP_FORBIDDEN",
    });
    await enrolment.allowKey({ ...request, group: "plant-2" }, null);
    clock.at += 60_001;
    await enrolment.allowKey({ ...request, group: "plant-1" }, ["plant-1"]);
  });

  it("the first use of a certificate ends the others of its device", async () => {
    const { deviceId } = await enrol(await tokenFor(), (await makeCertificateRequest()).csr);
    const [{ serial, fingerprint, notAfter }] = (await identities.certificatesOf(deviceId)).certificates as [never];
    await identities.check({ deviceId, serial, fingerprint, notAfter });
    expect((await identities.certificatesOf(deviceId)).certificates[0]?.firstUsedAt).toBe(clock.at);
    await expect(identities.check({ deviceId: "gate-8", serial, fingerprint, notAfter })).rejects.toMatchObject({
      code: "SRT_CERTIFICATE_UNKNOWN",
    });
    await identities.revoke(deviceId);
    await expect(identities.check({ deviceId, serial, fingerprint, notAfter })).rejects.toMatchObject({
      code: "SRT_CERTIFICATE_REVOKED",
    });
  });

  it("a device without a token waits until its key is claimed; as many wait as may, and they are forgotten", async () => {
    const ask = (csr: string) => enrolment.enrolByKey({ ...candidate, csr }, origin);
    const { csr } = await makeCertificateRequest();
    const waiting = await ask(csr);
    expect(waiting).toMatchObject({ status: "pending" });
    await ask((await makeCertificateRequest()).csr);
    const third = (await makeCertificateRequest()).csr;
    await expect(ask(third)).rejects.toMatchObject({ code: "SRT_RATE_LIMITED" });
    const fingerprint = "fingerprint" in waiting ? waiting.fingerprint : "";
    await enrolment.allowKey({ fingerprint, lifetimeSeconds: 60, offlineSite: true });
    const enrolled = await ask(csr);
    expect(enrolled).toMatchObject({ deviceId: expect.stringMatching(/^gate-7-/) });
    const { certificates } = await identities.certificatesOf("deviceId" in enrolled ? enrolled.deviceId : "");
    expect((certificates[0]?.notAfter ?? 0) - clock.at).toBeGreaterThan(179 * 86_400_000);
    clock.at += 3_600_001;
    expect((await enrolment.pending()).items).toEqual([]);
    expect(await ask(third)).toMatchObject({ status: "pending" });
  });
});
