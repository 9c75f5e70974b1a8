import { Module } from "@nestjs/common";
import { BundlesModule } from "../bundles/index.js";
import { DevicesModule } from "../devices/index.js";
import { ModelsModule } from "../models/index.js";
import { DeltaMaker } from "./delta-maker.service.js";
import { DeltaMaking } from "./delta-making.service.js";
import { DeltaMetrics } from "./delta-metrics.js";
import { DeltaStore } from "./delta-store.service.js";
import { DeltaWorker } from "./delta-worker.service.js";
import { DeltasController } from "./deltas.controller.js";
import { DeltasRepository } from "./deltas.repository.js";
import { DeltasService } from "./deltas.service.js";
import { WaveDeltas } from "./wave-deltas.service.js";

/** Differences between files of bundles, so that a device fetches what changed. */
@Module({
  imports: [DevicesModule, ModelsModule, BundlesModule],
  controllers: [DeltasController],
  providers: [
    DeltasRepository,
    DeltaMetrics,
    DeltaWorker,
    DeltaMaker,
    DeltaStore,
    DeltaMaking,
    DeltasService,
    WaveDeltas,
  ],
})
export class DeltasModule {}
