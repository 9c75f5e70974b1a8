import { Global, Module } from "@nestjs/common";
import { EventBus } from "./event-bus.js";

/** Typed events. Global: inject `EventBus`. */
@Global()
@Module({ providers: [EventBus], exports: [EventBus] })
export class EventsModule {}
