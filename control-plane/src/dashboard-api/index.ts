export { DashboardApiModule } from "./dashboard-api.module.js";
