import { type DynamicModule, Global, Module } from "@nestjs/common";
import { Clock, SystemClock } from "./clock.js";
import { Ids, SystemIds } from "./ids.js";
import { PublicAddresses } from "./public-addresses.js";
import { Settings } from "./settings.js";

/** What comes from outside the program: settings, time, randomness, addresses. Global: inject them by class. */
@Global()
@Module({})
export class ConfigModule {
  static with(settings: Settings, clock: Clock = new SystemClock()): DynamicModule {
    return {
      module: ConfigModule,
      providers: [
        { provide: Settings, useValue: settings },
        { provide: Clock, useValue: clock },
        { provide: Ids, useValue: new SystemIds(clock) },
        { provide: PublicAddresses, useValue: new PublicAddresses(settings) },
      ],
      exports: [Settings, Clock, Ids, PublicAddresses],
    };
  }
}
