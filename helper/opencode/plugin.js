// ocgo-key plugin 2
// Written by `ocgo-key install` and removed by `ocgo-key uninstall`; your changes to this file will be lost.
//
// Both generations of OpenCode load this file: OpenCode 1 calls `server`, OpenCode 2 calls `setup`.
// (OpenCode 1 calls `setup` too, with a smaller context.) The plugin starts a gateway for this
// process and sends the provider's requests to the gateway. The gateway puts the key on each
// request and switches to the next account at a limit. OpenCode never has a key.
import { spawn } from "node:child_process"
import { createHmac, randomBytes } from "node:crypto"
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, unlinkSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"

const PROGRAM = "@PROGRAM@"
const PREPARED = "@PREPARED@" // config folders where our package-lock.json keeps OpenCode 1 from installing a package
const NOTICES = "@NOTICES@" // the file with the notices for OpenCode 2's full screen, which is another process
const PROVIDER = "opencode-go"
const TOKEN_HEADER = "x-ocgo-key-token"
const PLACEHOLDER = "ocgo-placeholder" // a value for OpenCode where it requires a key
const NOWHERE = "http://127.0.0.1:1/zen/go/v1" // replaced in each request; on port 1 only an administrator's program can listen
const PATIENCE = 30000 // time limit in ms for the start of the gateway, since requests wait for it

// A process has one gateway, although it may load this file once for every folder it works in.
const shared = (globalThis[Symbol.for("ocgo-key 2")] ??= { clients: new Set(), reported: new Set(), setups: 0 })

// A process may load both the file of `ocgo-key install` and the npm package. Only the one that is
// loaded first is active.
const source = import.meta.url.split("?")[0]
const second = () => (shared.source ??= source) !== source

// A service that many clients share may outlive the `ocgo-key run` that started it, so it does not
// use the gateway of that run.
const underRun = () => Boolean(process.env.OCGO_KEY_GATEWAY) && !process.argv.includes("--service")

const everyClient = (task) => shared.clients.forEach((client) => task(client).catch(() => {}))

function toast(message, variant) {
  everyClient((client) => client.tui.showToast({ body: { title: "ocgo-key", message, variant, duration: 10000 } }))
  if (shared.setups > 0) publish(message, variant)
}

// publish shows a text on the full screens of OpenCode 2, through a file with the latest texts. The
// file contains no secret.
function publish(text, variant) {
  try {
    let earlier = []
    try {
      earlier = JSON.parse(readFileSync(NOTICES, "utf8"))
    } catch {} // there is no notice yet
    const time = Math.max(Date.now(), (earlier.at(-1)?.time ?? 0) + 1) // each notice has a later time than the one before
    const next = join(dirname(NOTICES), `.notices.json.${process.pid}.tmp`)
    mkdirSync(dirname(NOTICES), { recursive: true, mode: 0o700 })
    writeFileSync(next, JSON.stringify([...earlier, { time, text, variant }].slice(-20)), { mode: 0o600 })
    renameSync(next, NOTICES)
  } catch {} // not needed: a failed request reports the reason too
}

function log(message, level) {
  everyClient((client) => client.app.log({ body: { service: "ocgo-key", level, message } }))
}

// print writes to stderr if no screen is drawn; stdout belongs to OpenCode.
function print(message) {
  if (shared.setups > 0) return // in a server of OpenCode 2, stderr is not read or is covered by a full screen
  if (!process.stderr.isTTY || ["run", "serve", "web", "auth", "providers"].includes(process.argv[2])) process.stderr.write(`ocgo-key: ${message}\n`)
}

function notice({ event, text }) {
  if (!text) return
  print(text)
  log(text, event === "switched" ? "info" : "error")
  toast(text, event === "switched" ? "warning" : "error")
}

// complain reports once why there is no gateway. At this time OpenCode 1's server may not answer
// yet, and no event reports that the screen is ready. So the toast is repeated for as long as a
// slow screen may need, or until the problem is solved.
function complain(text) {
  if (shared.reported.has(text)) return
  shared.reported.add(text)
  print(text)
  if (shared.setups > 0) return publish(text, "error")
  setTimeout(() => log(text, "error"), 1500).unref?.()
  for (const ms of [1500, 6000, 12000]) setTimeout(() => shared.address || toast(text, "error"), ms).unref?.()
}

function byLine(stream, each) {
  let rest = ""
  stream.setEncoding("utf8")
  stream.on("data", (piece) => {
    const lines = (rest + piece).split("\n")
    rest = lines.pop()
    lines.forEach(each)
  })
  stream.on("error", () => {})
}

// withoutRun returns this process's environment without the variables of `ocgo-key run`.
function withoutRun() {
  const { OCGO_KEY_GATEWAY, OCGO_KEY_GATEWAY_TOKEN, ...env } = process.env
  return env
}

function start(args) {
  return new Promise((resolve, reject) => {
    // The gateway has its own process group, so signals from the terminal do not reach it. It ends
    // when its stdin closes, which happens whenever this process ends.
    const child = spawn(PROGRAM, args, {
      stdio: ["pipe", "pipe", "pipe"],
      detached: process.platform !== "win32",
      windowsHide: true,
      env: withoutRun(),
      cwd: shared.folder && existsSync(shared.folder) ? shared.folder : undefined, // its .ocgo-key chooses the account
    })
    let why = ""
    let begun = false
    let over = false
    const timer = setTimeout(() => fail("its gateway did not start in time"), PATIENCE)
    const ended = () => {
      if (shared.child !== child) return
      shared.child = shared.address = shared.gateway = undefined // the next request starts another gateway
    }
    const fail = (reason) => {
      if (over) return
      over = true
      clearTimeout(timer)
      if (begun) return ended()
      child.stdin?.destroy()
      child.kill()
      reject(new Error(reason))
    }
    child.on("error", (e) => fail(gone() ? `${PROGRAM} is not there (install it again, or delete the plugin)` : e.message))
    child.on("exit", ended) // from now on another program may have the gateway's port
    child.on("close", (code) => fail(why || `its gateway ended with ${code}`))
    if (!child.pid) return
    child.stdin.on("error", () => {})
    byLine(child.stderr, (line) => {
      if (begun) return
      if (line.startsWith("ocgo-key: ")) why = line.slice("ocgo-key: ".length)
      else if (line.startsWith("hint: ")) why += ` (${line.slice("hint: ".length)})`
    })
    byLine(child.stdout, (line) => {
      let message
      try {
        message = JSON.parse(line)
      } catch {
        return
      }
      if (begun) {
        notice(message)
      } else if (!over && message.base_url && message.token) {
        begun = true
        clearTimeout(timer)
        for (const it of [child, child.stdin, child.stdout, child.stderr]) it.unref?.()
        shared.child = child
        shared.address = message
        shared.reported.clear() // report the next failure again
        resolve(message)
      }
    })
  })
}

const gone = () => !existsSync(PROGRAM)

// gateway resolves to the address and the token of this process's gateway, and starts a gateway if
// none is running.
function gateway() {
  if (shared.gateway) return shared.gateway
  const begun = start(shared.args)
  shared.gateway = begun
  begun.catch((e) => {
    complain(gone() ? `${e.message}; OpenCode continues without ocgo-key` : e.message)
    if (shared.gateway === begun) shared.gateway = undefined // the cause may be fixed before the next request
  })
  return begun
}

// proven resolves to the address and the token of a gateway that has just shown that it has the
// token. A gateway may die, and another user's program may take its port before this process
// notices: without the proof, that program would get the prompt. helper/gateway/challenge.go describes
// both sides of the proof.
async function proven() {
  for (let tries = 2; tries > 0; tries--) {
    const it = await gateway()
    if (await proves(it)) return it
    if (shared.address !== it) continue // another gateway has replaced it
    shared.child?.kill()
    shared.child = shared.address = shared.gateway = undefined
  }
  throw new Error("another program listens at its gateway's address")
}

async function proves({ base_url, token }) {
  const challenge = randomBytes(16).toString("hex")
  try {
    const answer = await fetch(new URL("/ocgo-key/ping", base_url), { headers: { "x-ocgo-key-challenge": challenge }, redirect: "error", signal: AbortSignal.timeout(PATIENCE) })
    return answer.headers.get("x-ocgo-key-proof") === createHmac("sha256", token).update(`ocgo-key gateway\n${challenge}`).digest("hex")
  } catch {
    return false // no program listens on the port
  }
}

// aim returns the gateway's address for a request to url. The base URL of url does not matter: only
// the path after it, which determines the wire format, is kept.
function aim(url, base) {
  const { pathname, search } = new URL(url)
  const path = /^.*?(\/(?:chat\/completions|messages|responses)(?:\/[\w-]+)?)$/.exec(pathname)?.[1]
  if (!path) throw new Error(`ocgo-key does not know requests to ${pathname}`)
  return base + path + search
}

// entitled returns the headers with the gateway's token and without any key.
function entitled(headers, token) {
  const own = new Headers(headers)
  for (const name of ["authorization", "x-api-key", "api-key", "x-goog-api-key"]) own.delete(name)
  own.set(TOKEN_HEADER, token)
  return own
}

// exempt makes requests to the gateway bypass a proxy, in this process and in programs that it
// starts. It sets both variables, because some programs read only one of them.
function exempt() {
  const names = ["NO_PROXY", "no_proxy"]
  const lists = names.map((name, i) => process.env[name]?.trim() || process.env[names[1 - i]]?.trim() || "")
  names.forEach((name, i) => {
    if (lists[i] === "*") return
    const hosts = lists[i].split(",").map((host) => host.trim()).filter(Boolean)
    process.env[name] = [...new Set([...hosts, "127.0.0.1", "localhost"])].join(",")
  })
}

// explain turns the output of an ocgo-key command into one line.
const explain = (lines) => lines.map((line) => line.replace(/^ocgo-key: /, "").replace(/^hint: (.*)/, "($1)")).join(" ")

// ask runs an ocgo-key command to its end. Its input goes through stdin, where no other program can
// see it.
function ask(args, told = "") {
  return new Promise((resolve) => {
    // Under `ocgo-key run` OpenCode's own environment has the same variables as that of its tools.
    // They are removed here, because the command comes from a person. OCGO_KEY_AGENT_SHELL stays:
    // an OpenCode that an agent started must not add accounts.
    const child = spawn(PROGRAM, args, { stdio: ["pipe", "pipe", "pipe"], env: withoutRun(), windowsHide: true })
    const out = []
    const why = []
    child.on("error", (e) => resolve({ ok: false, text: e.message }))
    child.on("close", (code) => resolve({ ok: code === 0, text: out.length > 0 ? out.join("\n") : explain(why) }))
    if (!child.pid) return
    child.stdin.on("error", () => {})
    byLine(child.stdout, (line) => out.push(line))
    byLine(child.stderr, (line) => why.push(line))
    child.stdin.end(told)
  })
}

// status returns the table of `list` without the columns that do not fit into the panel.
async function status() {
  const lines = (await ask(["list"])).text.split("\n")
  const width = lines[0].indexOf("HELD BY")
  return lines.map((line) => (width < 0 ? line : [...line].slice(0, width).join("").trimEnd())).join("\n")
}

const COMMANDS = ["In a terminal:", ..."rename enable disable replace remove".split(" ").map((name) => `  ocgo-key ${name} LABEL`), "  ocgo-key rotate"].join("\n")

// addAccount passes a key to `ocgo-key add` on stdin, and returns a message with the result.
function addAccount(label, key) {
  return ask(["add", ...(label?.trim() ? ["--", label.trim()] : [])], `${key.trim()}\n`)
}

// clear removes our variables, and anything else that contains the gateway's token, from the
// environment of an agent's shell.
function clear(env) {
  const token = process.env.OCGO_KEY_GATEWAY_TOKEN
  for (const [name, value] of Object.entries(env)) {
    if (/^OCGO_KEY_GATEWAY/.test(name) || (token && value?.includes(token))) delete env[name]
  }
  if (env.OPENCODE_CONFIG_CONTENT?.includes(PLACEHOLDER)) delete env.OPENCODE_CONFIG_CONTENT
}
