import { Global, Module } from "@nestjs/common";
import { APP_GUARD } from "@nestjs/core";
import { Clock, Ids, Settings } from "../config/index.js";
import { AccessGuard } from "./access.guard.js";
import { loadAuthority } from "./authority-material.js";
import { AuthorityStatusService } from "./authority-status.service.js";
import { CertificateAuthority } from "./certificate-authority.js";
import { CertificatesController } from "./certificates.controller.js";
import { CertificatesRepository } from "./certificates.repository.js";
import { DeviceConnections } from "./device-connections.js";
import { DeviceGroups } from "./device-groups.service.js";
import { DeviceHttps } from "./device-https.service.js";
import { DeviceIdentities } from "./device-identities.service.js";
import { EnrolmentController } from "./enrolment.controller.js";
import { EnrolmentService } from "./enrolment.service.js";
import { EnrolmentsRepository } from "./enrolments.repository.js";
import { GroupsController } from "./groups.controller.js";
import { OperatorToken } from "./operator-token.js";
import { OwnCertificates } from "./own-certificates.service.js";
import { Credentials } from "./people/credentials.service.js";
import { PEOPLE_CONTROLLERS, PEOPLE_PROVIDERS } from "./people/people-parts.js";
import { Renewals } from "./renewals.service.js";
import { RevocationList } from "./revocation-list.service.js";
import { StrangersLimit } from "./strangers-limit.js";

/** Who may do what: people, programs, devices. Global: inject `Credentials`, `DeviceIdentities` or `OwnCertificates`. */
@Global()
@Module({
  controllers: [EnrolmentController, CertificatesController, GroupsController, ...PEOPLE_CONTROLLERS],
  providers: [
    AuthorityStatusService,
    CertificatesRepository,
    DeviceConnections,
    DeviceGroups,
    DeviceHttps,
    DeviceIdentities,
    EnrolmentService,
    EnrolmentsRepository,
    OwnCertificates,
    Renewals,
    RevocationList,
    StrangersLimit,
    ...PEOPLE_PROVIDERS,
    {
      provide: OperatorToken,
      inject: [Settings, Ids],
      useFactory: (settings: Settings, ids: Ids) => OperatorToken.load(settings.stateDir, ids),
    },
    {
      provide: CertificateAuthority,
      inject: [Settings, Clock],
      useFactory: async (settings: Settings, clock: Clock) =>
        CertificateAuthority.of(await loadAuthority(settings.stateDir, settings.ownAuthority, clock.now())),
    },
    { provide: APP_GUARD, useClass: AccessGuard },
  ],
  exports: [Credentials, OperatorToken, DeviceGroups, DeviceHttps, DeviceIdentities, OwnCertificates],
})
export class AuthModule {}
