import { Global, Module } from "@nestjs/common";
import { APP_FILTER, APP_PIPE } from "@nestjs/core";
import { Database } from "../database/index.js";
import { SartorExceptionFilter } from "./exception.filter.js";
import { HealthController } from "./health.controller.js";
import { Health } from "./health.js";
import { MetricsController } from "./metrics.controller.js";
import { Metrics } from "./metrics.js";
import { createValidationPipe } from "./validation.pipe.js";

/** What all routes share: errors, validation, health, metrics. Global: inject `Health` and `Metrics`. */
@Global()
@Module({
  controllers: [HealthController, MetricsController],
  providers: [
    Metrics,
    Health,
    { provide: APP_FILTER, useClass: SartorExceptionFilter },
    { provide: APP_PIPE, useFactory: createValidationPipe },
  ],
  exports: [Metrics, Health],
})
export class HttpModule {
  constructor(health: Health, database: Database) {
    health.add("database", () => database.ping());
  }
}
