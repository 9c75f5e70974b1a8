export {
  type DeploymentEffect,
  type DeploymentEvent,
  type DeploymentPlan,
  type DeploymentState,
  INITIAL_DEPLOYMENT,
  isTerminal,
  planDeployment,
} from "./deployment-machine.js";
export { type DeploymentReport, deploymentReportOf } from "./deployment-report.js";
export { type DeploymentCandidate, FOLLOWED_STATUSES, wantedDeployment } from "./wanted-deployment.js";
