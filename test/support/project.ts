/** A project of somebody who uses the package: a directory in which `eventwire` is installed. */

import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { temporaryDirectory } from "./temporary.js";

/**
 * Makes a project with one module and returns the path of the module. `packages`: what else the project has installed, by
 * name or scope. The project ends with its test.
 */
export function createProject(module: string, packages: readonly string[] = []): string {
  const project = temporaryDirectory();
  mkdirSync(join(project, "node_modules"));
  for (const name of packages) symlinkSync(resolve("node_modules", name), join(project, "node_modules", name));
  symlinkSync(resolve("."), join(project, "node_modules/eventwire"));
  const file = join(project, "main.mjs");
  writeFileSync(file, module);
  return file;
}
