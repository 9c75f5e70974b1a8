import { Injectable } from "@nestjs/common";
import type { RevocationReason } from "@sartor/shared/protocol";
import type { Kysely } from "kysely";
import { Database } from "../database/index.js";
import type { AuthTables, DeviceCertificateTable, DeviceIdentityTable } from "./auth.tables.js";
import type { IssuedCertificate } from "./certificate-authority.js";
import type { RevokedSerial } from "./revocation-list.js";

/** A certificate and the state of the device that it is for. */
export type CertificateOfDevice = DeviceCertificateTable & {
  /** When the device's access was ended; null while it has any. */
  device_revoked_at: number | null;
  offline_site: number;
};

/** Device identities and their certificates in the database. */
@Injectable()
export class CertificatesRepository {
  constructor(private readonly database: Database) {}

  /** A certificate by its fingerprint; undefined when this control plane never issued it or its device was removed. */
  find(fingerprint: string): Promise<CertificateOfDevice | undefined> {
    return this.database
      .tables<AuthTables>()
      .selectFrom("device_certificate as certificate")
      .innerJoin("device_identity as identity", "identity.device_id", "certificate.device_id")
      .selectAll("certificate")
      .select(["identity.revoked_at as device_revoked_at", "identity.offline_site"])
      .where("certificate.fingerprint", "=", fingerprint)
      .executeTakeFirst();
  }

  findIdentity(deviceId: string): Promise<DeviceIdentityTable | undefined> {
    return this.database
      .tables<AuthTables>()
      .selectFrom("device_identity")
      .selectAll()
      .where("device_id", "=", deviceId)
      .executeTakeFirst();
  }

  /** What devices said they are when they enrolled, as JSON; without those that are not enrolled. At most 1,000 ids. */
  async hardwareOf(deviceIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const rows = await this.database
      .tables<AuthTables>()
      .selectFrom("device_identity")
      .select(["device_id", "hardware"])
      .where("device_id", "in", deviceIds)
      .execute();
    return new Map(rows.map(({ device_id, hardware }) => [device_id, hardware]));
  }

  /** A device's certificates, the newest first. */
  listOf(deviceId: string): Promise<DeviceCertificateTable[]> {
    return this.database
      .tables<AuthTables>()
      .selectFrom("device_certificate")
      .selectAll()
      .where("device_id", "=", deviceId)
      .orderBy("issued_at", "desc")
      .orderBy("serial")
      .limit(100)
      .execute();
  }

  /** The certificate that a device's key got already and that counts still. */
  findOfKey(deviceId: string, keyFingerprint: string, now: number): Promise<DeviceCertificateTable | undefined> {
    return this.database
      .tables<AuthTables>()
      .selectFrom("device_certificate")
      .selectAll()
      .where("device_id", "=", deviceId)
      .where("key_fingerprint", "=", keyFingerprint)
      .where("revoked_at", "is", null)
      .where("not_after", ">", now)
      .executeTakeFirst();
  }

  /**
   * Keeps a renewed certificate. Others of the device that were never used end: whoever asks again did not get them.
   *
   * @returns false when the certificate that it renews has ended meanwhile
   */
  addRenewed(deviceId: string, issued: IssuedCertificate, renewed: { serial: string; now: number }): Promise<boolean> {
    const { now } = renewed;
    return this.database.transaction<AuthTables, boolean>(async (db) => {
      // Written before anything is read: of a renewal and a revocation at once, the later one sees the other.
      const device = await db
        .updateTable("device_identity")
        .set((eb) => ({ generation: eb.ref("generation") }))
        .where("device_id", "=", deviceId)
        .where("revoked_at", "is", null)
        .executeTakeFirst();
      const valid = await db
        .selectFrom("device_certificate")
        .select("serial")
        .where("serial", "=", renewed.serial)
        .where("revoked_at", "is", null)
        .executeTakeFirst();
      if (device.numUpdatedRows !== 1n || valid === undefined) return false;
      await db
        .updateTable("device_certificate")
        .set({ revoked_at: now, reason: "superseded" })
        .where("device_id", "=", deviceId)
        .where("serial", "!=", renewed.serial)
        .where("first_used_at", "is", null)
        .where("revoked_at", "is", null)
        .execute();
      await insertCertificate(db, deviceId, issued, now);
      return true;
    });
  }

  /**
   * Notes that a certificate was used for the first time, and ends the device's others.
   *
   * @returns serials of those that ended
   */
  markUsed(deviceId: string, serial: string, now: number): Promise<string[]> {
    return this.database.transaction<AuthTables, string[]>(async (db) => {
      const first = await db
        .updateTable("device_certificate")
        .set({ first_used_at: now })
        .where("serial", "=", serial)
        .where("first_used_at", "is", null)
        .where("revoked_at", "is", null)
        .executeTakeFirst();
      if (first.numUpdatedRows === 0n) return [];
      const others = await db
        .updateTable("device_certificate")
        .set({ revoked_at: now, reason: "superseded" })
        .where("device_id", "=", deviceId)
        .where("serial", "!=", serial)
        .where("revoked_at", "is", null)
        .returning("serial")
        .execute();
      return others.map((row) => row.serial);
    });
  }

  /** Ends a device's access: its identity and all its certificates. Tells how many certificates ended; undefined for an unknown device. */
  revoke(deviceId: string, now: number): Promise<number | undefined> {
    return this.database.transaction<AuthTables, number | undefined>(async (db) => {
      const device = await db
        .updateTable("device_identity")
        .set((eb) => ({ revoked_at: eb.fn.coalesce("revoked_at", eb.val(now)) }))
        .where("device_id", "=", deviceId)
        .executeTakeFirst();
      return device.numUpdatedRows === 0n ? undefined : endCertificates(db, deviceId, "revoked", now);
    });
  }

  /** The same for a device that is removed: its identity goes, its certificates stay on the revocation list until they end. */
  async remove(deviceId: string, now: number): Promise<void> {
    await this.database.transaction<AuthTables, void>(async (db) => {
      await db.deleteFrom("device_identity").where("device_id", "=", deviceId).execute();
      await endCertificates(db, deviceId, "removed", now);
    });
  }

  /** Certificates that ended before their time, for the revocation list. */
  async revoked(now: number): Promise<RevokedSerial[]> {
    const rows = await this.database
      .tables<AuthTables>()
      .selectFrom("device_certificate")
      .select(["serial", "revoked_at", "reason"])
      .where("revoked_at", "is not", null)
      .where("not_after", ">", now)
      .orderBy("serial")
      .execute();
    return rows.map(({ serial, revoked_at, reason }) => ({
      serial,
      revokedAt: revoked_at ?? now,
      reason: reason ?? "revoked",
    }));
  }

  /** Forgets certificates that ended before a time. */
  async forgetEndedBefore(before: number): Promise<void> {
    await this.database.tables<AuthTables>().deleteFrom("device_certificate").where("not_after", "<", before).execute();
  }
}

/** Ends all certificates of a device that have not ended; tells how many. */
export async function endCertificates(
  db: Kysely<AuthTables>,
  deviceId: string,
  reason: RevocationReason,
  now: number,
): Promise<number> {
  const ended = await db
    .updateTable("device_certificate")
    .set({ revoked_at: now, reason })
    .where("device_id", "=", deviceId)
    .where("revoked_at", "is", null)
    .executeTakeFirst();
  return Number(ended.numUpdatedRows);
}

export async function insertCertificate(
  db: Kysely<AuthTables>,
  deviceId: string,
  issued: IssuedCertificate,
  now: number,
): Promise<void> {
  await db
    .insertInto("device_certificate")
    .values({
      serial: issued.serial,
      device_id: deviceId,
      fingerprint: issued.fingerprint,
      key_fingerprint: issued.keyFingerprint,
      pem: issued.pem,
      not_before: issued.notBefore,
      not_after: issued.notAfter,
      issued_at: now,
      first_used_at: null,
      revoked_at: null,
      reason: null,
    })
    .execute();
}
