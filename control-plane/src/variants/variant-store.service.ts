import { createReadStream } from "node:fs";
import { Injectable } from "@nestjs/common";
import type { MadeVariant } from "@sartor/onnx";
import { type VariantCard, variantCardSchema } from "@sartor/shared/protocol";
import { Clock, Ids } from "../config/index.js";
import { EventBus } from "../events/index.js";
import { BlobCatalog, ModelsService } from "../models/index.js";
import { VariantsRepository } from "./variants.repository.js";

/** Largest file of a variant, bytes: ONNX itself ends there. */
const MAXIMUM_BYTES = 2 ** 31;

/** Takes finished variants in: content, row and bundle first, and only then is a variant offered. */
@Injectable()
export class VariantStore {
  constructor(
    private readonly repository: VariantsRepository,
    private readonly blobs: BlobCatalog,
    private readonly models: ModelsService,
    private readonly events: EventBus,
    private readonly clock: Clock,
    private readonly ids: Ids,
  ) {}

  /**
   * Stores a variant's content and has its bundle cut. Nobody is offered it yet. Content that the version has under this name already
   * gives that variant.
   *
   * @returns the variant's id
   */
  async keep(versionId: string, made: MadeVariant): Promise<string> {
    const model = await this.blobs.put(createReadStream(made.modelPath), { maximumBytes: MAXIMUM_BYTES });
    const golden = await this.blobs.put(createReadStream(made.goldenPath), { maximumBytes: MAXIMUM_BYTES });
    const variantId = await this.repository.insert(
      {
        variantId: this.ids.ulid(),
        versionId,
        name: made.name,
        kind: made.kind,
        digest: model.digest,
        bytes: model.bytes,
        runtime: made.runtime,
        goldenDigest: golden.digest,
        golden: made.golden,
        card: null,
      },
      this.clock.now(),
    );
    try {
      await this.events.emitAndWait("variant.built", { variantId });
    } catch (error) {
      await this.discard(variantId);
      throw error;
    }
    return variantId;
  }

  /**
   * Forgets a variant that was kept and is not to be offered, with its bundle and all that they refer to. One that was offered at another time
   * stays what it was then.
   */
  async discard(variantId: string): Promise<void> {
    if ((await this.repository.shelve(variantId)) || !(await this.repository.isNew(variantId))) return;
    await this.remove(variantId);
  }

  /** Removes all variants of a version that nobody saw. */
  async withdraw(versionId: string): Promise<void> {
    for (const variantId of await this.repository.ofVersion(versionId)) await this.remove(variantId);
  }

  /** Tells later modules that what a version offers, or what is known of it, has changed. */
  async announce(versionId: string): Promise<void> {
    const macs = (await this.repository.offered(versionId)).find(({ name }) => name === "fp32")?.card?.cost.macs;
    // 0 is what a network has that cannot be run alone.
    if (macs !== undefined && macs > 0) await this.models.setMacs(versionId, macs);
    await this.events.emitAndWait("variants.offered", { versionId });
  }

  /**
   * Replaces what is known of the fp32 variant. A card is about one file: where another release folded the model to other bytes, or did not
   * fold it, the variant that is offered keeps its own card, and is to be made anew.
   */
  async setReferenceCard(versionId: string, card: VariantCard): Promise<void> {
    const reference = (await this.repository.offered(versionId)).find(({ name }) => name === "fp32");
    if (reference === undefined) return;
    const known = parseCard(card);
    if (known.lineage.folded !== reference.digest) {
      this.events.emit("variants.reference_outdated", { versionId });
      return;
    }
    await this.repository.setCard(reference.variantId, known);
    await this.announce(versionId);
  }

  /** The bundle goes first: cut off in between, the next start finds the variant and removes it. */
  private async remove(variantId: string): Promise<void> {
    await this.events.emitAndWait("variant.discarded", { variantId });
    await this.repository.remove(variantId);
  }
}

/** A card that came from another process: what does not fit would be served to people and read by plans. */
export function parseCard(card: VariantCard): VariantCard {
  return variantCardSchema.parse(card);
}
