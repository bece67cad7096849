#!/usr/bin/env node
// Part of the npm package ocgo-key: the command `ocgo-key`. It replaces its process with the
// program, or else starts the program.
import { spawn } from "node:child_process"
import { closeSync, existsSync, openSync } from "node:fs"
import { packageName, program } from "./program.js"

const args = process.argv.slice(2)
if (!existsSync(program)) {
  console.error(`ocgo-key: the package ${packageName} is not installed\nhint: if there is one for this system, install again without --omit=optional: npm install -g ocgo-key`)
  process.exit(1)
}
if (process.execve && process.platform !== "win32") {
  process.emitWarning = () => {} // hides the warning that the function is experimental
  process.execve(program, [program, ...args], process.env)
}

// Older versions of Node.js, and Windows, cannot replace the process, so signals are passed on.
// Signals from a terminal are not passed on, because the terminal sends them to the program as
// well. The handlers are set before the program starts, because it may send a signal at once.
const passed = ["SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"]
const typed = ["SIGINT", "SIGQUIT"]
for (const name of passed) process.on(name, () => child.kill(name))
for (const name of typed) process.on(name, () => hasTerminal() || child.kill(name))
const child = spawn(program, args, { stdio: "inherit" })
child.on("error", (e) => {
  console.error(`ocgo-key: ${e.message}`)
  process.exit(1)
})
child.on("exit", (code, signal) => {
  if (!signal) process.exit(code)
  for (const name of [...passed, ...typed]) process.removeAllListeners(name)
  process.kill(process.pid, signal)
})

function hasTerminal() {
  if (process.platform === "win32") return true // on Windows only a console sends these signals
  try {
    closeSync(openSync("/dev/tty"))
    return true
  } catch {
    return false
  }
}
