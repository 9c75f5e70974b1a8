import { Injectable } from "@nestjs/common";
import { Database } from "../database/index.js";
import type { AuthTables, EnrolmentTokenTable } from "./auth.tables.js";

/** What became of the attempt to redeem a token. */
export type Redemption =
  | { readonly outcome: "enrolled" | "again"; readonly deviceId: string }
  | { readonly outcome: "unknown" | "expired" | "used" };

/** Tokens and credentials in the database. */
@Injectable()
export class AuthRepository {
  constructor(private readonly database: Database) {}

  async insertToken(
    row: Pick<EnrolmentTokenTable, "token_hash" | "note" | "created_at" | "expires_at">,
  ): Promise<void> {
    await this.database
      .tables<AuthTables>()
      .insertInto("enrolment_token")
      .values({ ...row, used_at: null, device_id: null })
      .execute();
  }

  /** Forgets tokens that expired before `before`; those that enrolled a device too. */
  async deleteTokensExpiredBefore(before: number): Promise<void> {
    await this.database.tables<AuthTables>().deleteFrom("enrolment_token").where("expires_at", "<", before).execute();
  }

  /**
   * Redeems a token in one transaction: its use is one conditional update, so that of two devices that send it at
   * once exactly one is enrolled. The device that used it may send it again with the same secret.
   */
  redeem(attempt: { tokenHash: string; secretHash: string; deviceId: string; now: number }): Promise<Redemption> {
    return this.database.transaction<AuthTables, Redemption>(async (db) => {
      const claimed = await db
        .updateTable("enrolment_token")
        .set({ used_at: attempt.now, device_id: attempt.deviceId })
        .where("token_hash", "=", attempt.tokenHash)
        .where("used_at", "is", null)
        .where("expires_at", ">", attempt.now)
        .executeTakeFirst();
      if (claimed.numUpdatedRows === 1n) {
        await db
          .insertInto("device_credential")
          .values({ device_id: attempt.deviceId, secret_hash: attempt.secretHash, created_at: attempt.now })
          .execute();
        return { outcome: "enrolled", deviceId: attempt.deviceId };
      }
      const token = await db
        .selectFrom("enrolment_token as token")
        .leftJoin("device_credential as credential", "credential.device_id", "token.device_id")
        .select(["token.used_at", "token.device_id", "credential.secret_hash"])
        .where("token.token_hash", "=", attempt.tokenHash)
        .executeTakeFirst();
      if (token === undefined) return { outcome: "unknown" };
      if (token.used_at === null || token.device_id === null) return { outcome: "expired" };
      return token.secret_hash === attempt.secretHash
        ? { outcome: "again", deviceId: token.device_id }
        : { outcome: "used" };
    });
  }

  async secretHashOf(deviceId: string): Promise<string | undefined> {
    const row = await this.database
      .tables<AuthTables>()
      .selectFrom("device_credential")
      .select("secret_hash")
      .where("device_id", "=", deviceId)
      .executeTakeFirst();
    return row?.secret_hash;
  }

  async deleteCredential(deviceId: string): Promise<boolean> {
    const result = await this.database
      .tables<AuthTables>()
      .deleteFrom("device_credential")
      .where("device_id", "=", deviceId)
      .executeTakeFirst();
    return result.numDeletedRows > 0n;
  }
}
