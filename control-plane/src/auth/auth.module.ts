import { Global, Module } from "@nestjs/common";
import { APP_GUARD } from "@nestjs/core";
import { Ids, Settings } from "../config/index.js";
import { AccessGuard } from "./access.guard.js";
import { AuthRepository } from "./auth.repository.js";
import { DeviceCredentials } from "./device-credentials.service.js";
import { EnrolmentController } from "./enrolment.controller.js";
import { EnrolmentService } from "./enrolment.service.js";
import { OperatorToken } from "./operator-token.js";

/** Who may do what: operators, devices. Global: inject `OperatorToken` or `DeviceCredentials`. */
@Global()
@Module({
  controllers: [EnrolmentController],
  providers: [
    AuthRepository,
    DeviceCredentials,
    EnrolmentService,
    {
      provide: OperatorToken,
      inject: [Settings, Ids],
      useFactory: (settings: Settings, ids: Ids) => OperatorToken.load(settings.stateDir, ids),
    },
    { provide: APP_GUARD, useClass: AccessGuard },
  ],
  exports: [OperatorToken, DeviceCredentials],
})
export class AuthModule {}
