import { Global, Module, type OnApplicationShutdown } from "@nestjs/common";
import { Settings } from "../config/index.js";
import { Database } from "./database.js";

/** The database. Global: inject `Database`. It closes last. */
@Global()
@Module({
  providers: [
    {
      provide: Database,
      inject: [Settings],
      useFactory: (settings: Settings) => Database.open(settings.databaseUrl),
    },
  ],
  exports: [Database],
})
export class DatabaseModule implements OnApplicationShutdown {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** After all modules ended their work and HTTP closed. */
  async onApplicationShutdown(): Promise<void> {
    await this.#database.close();
  }
}
