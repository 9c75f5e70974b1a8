import { type DynamicModule, Module } from "@nestjs/common";
import { AuditModule } from "./audit/index.js";
import { AuthModule } from "./auth/index.js";
import { BundlesModule } from "./bundles/index.js";
import { type Clock, ConfigModule, type Settings } from "./config/index.js";
import { DashboardApiModule } from "./dashboard-api/index.js";
import { DatabaseModule } from "./database/index.js";
import { DeltasModule } from "./deltas/index.js";
import { DevicesModule } from "./devices/index.js";
import { EventsModule } from "./events/index.js";
import { HttpModule } from "./http/index.js";
import { IngestModule } from "./ingest/index.js";
import { ModelsModule } from "./models/index.js";
import { RolloutsModule } from "./rollouts/index.js";
import { SigningModule } from "./signing/index.js";
import { StorageModule } from "./storage/index.js";
import { TailoringModule } from "./tailoring/index.js";
import { TelemetryModule } from "./telemetry/index.js";
import { VariantsModule } from "./variants/index.js";

/** The whole control plane, in the order in which data flows: each module only knows those above it. */
@Module({})
export class AppModule {
  static with(settings: Settings, clock?: Clock): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ConfigModule.with(settings, clock),
        DatabaseModule,
        EventsModule,
        StorageModule,
        HttpModule,
        AuthModule,
        IngestModule,
        DevicesModule,
        ModelsModule,
        VariantsModule,
        TailoringModule,
        BundlesModule,
        DeltasModule,
        SigningModule,
        RolloutsModule,
        TelemetryModule,
        AuditModule,
        DashboardApiModule,
      ],
    };
  }
}
