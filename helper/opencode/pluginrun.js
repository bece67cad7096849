// ocgo-key plugin 2
// Written by ocgo-key; your changes to this file will be lost.
//
// `ocgo-key run` names this folder to OpenCode 2, whose server has the gateway's address and token
// in its environment. The configuration points the provider to the gateway. This plugin does the
// same if a user's file sets another address or key for one model. It also sets the variables in an
// agent's shells by which ocgo-key recognizes them.
const PROVIDER = "opencode-go"
const { OCGO_KEY_GATEWAY: ADDRESS, OCGO_KEY_GATEWAY_TOKEN: TOKEN } = process.env

// aim returns the gateway's address for a request to url. The base URL of url does not matter: only
// the path after it, which determines the wire format, is kept.
function aim(url) {
  const { pathname, search } = new URL(url)
  const path = /^.*?(\/(?:chat\/completions|messages|responses)(?:\/[\w-]+)?)$/.exec(pathname)?.[1]
  if (!path) throw new Error(`ocgo-key does not know requests to ${pathname}`)
  return `${ADDRESS}/zen/go/v1${path}${search}`
}

async function redirect(event) {
  const { request } = event
  const headers = new Headers(request.headers)
  for (const name of ["authorization", "x-api-key", "api-key", "x-goog-api-key"]) headers.delete(name)
  headers.set("x-ocgo-key-token", TOKEN)
  const body = request.body ? await request.arrayBuffer() : undefined
  event.request = new Request(aim(request.url), { method: request.method, headers, body, signal: request.signal })
}

// mark gives a shell of the agent the configuration that the user set. The gateway's address and
// token stay in that shell: the command `opencode` there is our shim, which uses them to join the
// gateway and to avoid starting a service.
function mark({ env }) {
  env.OCGO_KEY_AGENT_SHELL = "1"
  if (env.OCGO_KEY_USER_CONTENT) env.OPENCODE_CONFIG_CONTENT = env.OCGO_KEY_USER_CONTENT
  else if (env.OPENCODE_CONFIG_CONTENT?.includes("ocgo-placeholder")) delete env.OPENCODE_CONFIG_CONTENT
  delete env.OCGO_KEY_USER_CONTENT
}

async function setup(ctx) {
  // A service that many clients share outlives the run and its gateway, so the plugin does nothing
  // in it.
  if (!ADDRESS || !TOKEN || !ctx?.session?.hook || process.argv.includes("--service")) return
  const each = async (task) => {
    try {
      await task()
    } catch {} // the configuration still points to the gateway; a plugin that throws is not loaded
  }
  await each(() => ctx.session.hook("http.request", redirect, { providerID: PROVIDER }))
  await each(() => ctx.shell.hook("create.before", mark))
}

export default { id: "ocgo-key-run", setup }
