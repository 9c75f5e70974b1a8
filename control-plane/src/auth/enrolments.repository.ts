import { Injectable } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import { Database } from "../database/index.js";
import type { AuthTables, DeviceCertificateTable, EnrolmentTokenTable, PendingEnrolmentTable } from "./auth.tables.js";
import type { IssuedCertificate } from "./certificate-authority.js";
import { endCertificates, insertCertificate } from "./certificates.repository.js";

/** What a token or an allowed key stands for. */
export type EnrolmentGrant = Pick<
  EnrolmentTokenTable,
  "token_hash" | "note" | "created_at" | "expires_at" | "hardware" | "replaces" | "offline_site" | "group_name"
>;

/** One attempt to redeem a grant, with the certificate that it gives if it succeeds. */
export interface Redemption {
  readonly tokenHash: string;
  readonly deviceId: string;
  /** The id is that of a device that is there and gets a new key. */
  readonly replaces: boolean;
  readonly hardware: readonly string[];
  readonly offlineSite: boolean;
  /** Where the device belongs; one that is replaced stays where it is. */
  readonly group: string;
  readonly certificate: IssuedCertificate;
  readonly now: number;
}

/** Tokens, allowed keys, and devices that wait, in the database. */
@Injectable()
export class EnrolmentsRepository {
  constructor(private readonly database: Database) {}

  /** Keeps a grant; one that is kept under the same hash and was not used gives way. Tells whether it is kept. */
  async keepGrant(grant: EnrolmentGrant): Promise<boolean> {
    const row = { ...grant, used_at: null, device_id: null, serial: null };
    const kept = await this.database
      .tables<AuthTables>()
      .insertInto("enrolment_token")
      .values(row)
      .onConflict((conflict) =>
        conflict.column("token_hash").doUpdateSet(row).where("enrolment_token.used_at", "is", null),
      )
      .returning("token_hash")
      .executeTakeFirst();
    return kept !== undefined;
  }

  findGrant(tokenHash: string): Promise<EnrolmentTokenTable | undefined> {
    return this.database
      .tables<AuthTables>()
      .selectFrom("enrolment_token")
      .selectAll()
      .where("token_hash", "=", tokenHash)
      .executeTakeFirst();
  }

  /** The certificate that a grant gave. */
  findCertificate(serial: string): Promise<DeviceCertificateTable | undefined> {
    return this.database
      .tables<AuthTables>()
      .selectFrom("device_certificate")
      .selectAll()
      .where("serial", "=", serial)
      .executeTakeFirst();
  }

  /** Forgets grants that expired before a time, and devices that waited for too long. */
  async forgetExpired(before: { grants: number; pending: number }): Promise<void> {
    const db = this.database.tables<AuthTables>();
    await db.deleteFrom("enrolment_token").where("expires_at", "<", before.grants).execute();
    await db.deleteFrom("pending_enrolment").where("expires_at", "<", before.pending).execute();
  }

  /**
   * Redeems a grant in one transaction. Its use is one conditional update, so that of two devices that send it at once exactly one is
   * enrolled. A replacement ends the device's old certificates and raises its generation in the same transaction.
   *
   * @returns false when it is used or has expired meanwhile
   * @throws SartorError SRT_DEVICE_UNKNOWN when the device to be replaced was removed; the grant stays unused
   */
  redeem({
    tokenHash,
    deviceId,
    replaces,
    hardware,
    offlineSite,
    group,
    certificate,
    now,
  }: Redemption): Promise<boolean> {
    const identity = { hardware: JSON.stringify(hardware), offline_site: offlineSite ? 1 : 0, revoked_at: null };
    return this.database.transaction<AuthTables, boolean>(async (db) => {
      const claimed = await db
        .updateTable("enrolment_token")
        .set({ used_at: now, device_id: deviceId, serial: certificate.serial })
        .where("token_hash", "=", tokenHash)
        .where("used_at", "is", null)
        .where("expires_at", ">", now)
        .executeTakeFirst();
      if (claimed.numUpdatedRows !== 1n) return false;
      if (replaces) {
        const replaced = await db
          .updateTable("device_identity")
          .set((eb) => ({ ...identity, generation: eb("generation", "+", 1) }))
          .where("device_id", "=", deviceId)
          .executeTakeFirst();
        if (replaced.numUpdatedRows !== 1n) {
          throw new SartorError("SRT_DEVICE_UNKNOWN", `The device ${deviceId}, which was to be replaced, is removed.`);
        }
        await endCertificates(db, deviceId, "replaced", now);
      } else {
        await db
          .insertInto("device_identity")
          .values({ device_id: deviceId, generation: 0, enrolled_at: now, group_name: group, ...identity })
          .execute();
      }
      await insertCertificate(db, deviceId, certificate, now);
      await db.deleteFrom("pending_enrolment").where("key_fingerprint", "=", certificate.keyFingerprint).execute();
      return true;
    });
  }

  /**
   * Notes a device that waits.
   *
   * @returns `full` when as many wait as may
   */
  async keepPending(row: PendingEnrolmentTable, maximum: number): Promise<"new" | "known" | "full"> {
    const { first_seen_at: _first, ...said } = row;
    const db = this.database.tables<AuthTables>();
    const again = await db
      .updateTable("pending_enrolment")
      .set(said)
      .where("key_fingerprint", "=", row.key_fingerprint)
      .executeTakeFirst();
    if (again.numUpdatedRows === 1n) return "known";
    const { count } = await db
      .selectFrom("pending_enrolment")
      .select((eb) => eb.fn.countAll<number | string>().as("count"))
      .where("expires_at", ">", row.last_seen_at)
      .executeTakeFirstOrThrow();
    if (Number(count) >= maximum) return "full";
    await db
      .insertInto("pending_enrolment")
      .values(row)
      .onConflict((conflict) => conflict.column("key_fingerprint").doUpdateSet(said))
      .execute();
    return "new";
  }

  /** Devices that wait, the longest waiting first. */
  listPending(now: number, limit: number): Promise<PendingEnrolmentTable[]> {
    return this.database
      .tables<AuthTables>()
      .selectFrom("pending_enrolment")
      .selectAll()
      .where("expires_at", ">", now)
      .orderBy("first_seen_at")
      .orderBy("key_fingerprint")
      .limit(limit)
      .execute();
  }
}
