import { Injectable } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import type {
  EnrolmentReply,
  EnrolmentRequest,
  EnrolmentTokenReply,
  EnrolmentTokenRequest,
} from "@sartor/shared/protocol";
import { Clock, Ids, PublicAddresses, Settings } from "../config/index.js";
import { EventBus } from "../events/index.js";
import { AuthRepository } from "./auth.repository.js";
import { DEVICE_ID_SUFFIX_LENGTH, deviceIdOf } from "./device-id.js";
import { RateLimiter } from "./rate-limiter.js";
import { hashSecret } from "./secrets.js";

/** Randomness of a token, bytes. */
const TOKEN_BYTES = 32;
/** How long expired tokens are remembered, so that a late attempt hears "expired" and not "unknown", ms. */
const REMEMBER_EXPIRED_MS = 7 * 86_400_000;

/** Where an enrolment came from. */
export interface EnrolmentOrigin {
  /** Address of the client, for rate limiting. */
  readonly address: string;
  /** Host name through which it reached us, for the addresses in the reply. */
  readonly host: string | undefined;
}

/** Turns one-time tokens into enrolled devices. */
@Injectable()
export class EnrolmentService {
  readonly #limiter: RateLimiter;

  constructor(
    private readonly repository: AuthRepository,
    private readonly events: EventBus,
    private readonly clock: Clock,
    private readonly ids: Ids,
    private readonly addresses: PublicAddresses,
    settings: Settings,
  ) {
    this.#limiter = new RateLimiter({ burst: settings.enrolmentsPerMinute, perMinute: settings.enrolmentsPerMinute });
  }

  /** Makes a one-time token; this is the only time that it is shown. */
  async createToken(request: EnrolmentTokenRequest): Promise<EnrolmentTokenReply> {
    const now = this.clock.now();
    const token = this.ids.secret(TOKEN_BYTES);
    const expiresAt = now + request.lifetimeSeconds * 1_000;
    await this.repository.deleteTokensExpiredBefore(now - REMEMBER_EXPIRED_MS);
    await this.repository.insertToken({
      token_hash: hashSecret(token),
      note: request.note ?? null,
      created_at: now,
      expires_at: expiresAt,
    });
    return { token, expiresAt };
  }

  /**
   * Enrols a device. The same token with the same secret gives the same device again: a lost reply costs nothing.
   *
   * @throws SartorError SRT_ENROLMENT_TOKEN_UNKNOWN, SRT_ENROLMENT_TOKEN_EXPIRED, SRT_ENROLMENT_TOKEN_USED, SRT_RATE_LIMITED
   */
  async enrol(request: EnrolmentRequest, origin: EnrolmentOrigin): Promise<EnrolmentReply> {
    const now = this.clock.now();
    const wait = this.#limiter.take(origin.address, now);
    if (wait > 0) {
      const retryAfterSeconds = Math.ceil(wait / 1_000);
      throw new SartorError(
        "SRT_RATE_LIMITED",
        `Too many enrolment attempts from this address; try again in ${retryAfterSeconds} s.`,
        { details: { retryAfterSeconds } },
      );
    }
    const redemption = await this.repository.redeem({
      tokenHash: hashSecret(request.token),
      secretHash: hashSecret(request.secret),
      deviceId: deviceIdOf(request.name, this.ids.suffix(DEVICE_ID_SUFFIX_LENGTH)),
      now,
    });
    switch (redemption.outcome) {
      case "unknown":
        throw new SartorError("SRT_ENROLMENT_TOKEN_UNKNOWN", "No such enrolment token.");
      case "expired":
        throw new SartorError("SRT_ENROLMENT_TOKEN_EXPIRED", "The enrolment token has expired; ask for a new one.");
      case "used":
        throw new SartorError("SRT_ENROLMENT_TOKEN_USED", "The enrolment token was redeemed by another device.");
    }
    const { deviceId } = redemption;
    // Waited for, and told again for a repeated attempt: the registry's row is written before the device hears its id.
    await this.events.emitAndWait("device.enrolled", {
      deviceId,
      name: request.name,
      emulated: request.emulated,
      at: now,
    });
    return {
      deviceId,
      mqttUrl: this.addresses.mqttUrl(origin.host),
      httpUrl: this.addresses.httpUrl(origin.host),
    };
  }
}
