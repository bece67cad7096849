// Part of the npm package ocgo-key.
//
// The program is in a separate package for each system, and npm installs the package of this
// system.
import { createRequire } from "node:module"
import { homedir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const { env, platform, arch } = process

// packageName is the package of this system.
export const packageName = `@ocgo-key/${platform}-${arch}`

// program is the program's absolute path. If the package of this system is not installed, no file
// has this path.
export const program = find(`${packageName}/bin/ocgo-key${platform === "win32" ? ".exe" : ""}`)

function find(name) {
  try {
    return createRequire(import.meta.url).resolve(name)
  } catch {
    return join(dirname(fileURLToPath(import.meta.url)), "node_modules", name)
  }
}

// notices is the path of the file, in the program's state folder, with the notices for the full
// screen of OpenCode 2.
export const notices = join(stateFolder(), "notices.json")

// stateFolder follows the program's rules for $OCGO_KEY_STATE_DIR and the folders of each system.
function stateFolder() {
  if (env.OCGO_KEY_STATE_DIR) return env.OCGO_KEY_STATE_DIR
  if (platform === "win32") return join(env.LOCALAPPDATA || join(homedir(), "AppData", "Local"), "ocgo-key")
  if (platform === "darwin") return join(homedir(), "Library", "Application Support", "ocgo-key")
  return join(env.XDG_STATE_HOME?.startsWith("/") ? env.XDG_STATE_HOME : join(homedir(), ".local", "state"), "ocgo-key")
}
