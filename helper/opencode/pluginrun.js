// ocgo-key plugin 2
// Written by ocgo-key; what is changed here is lost.
//
// `ocgo-key run` names this folder to OpenCode 2, whose server has the gateway's address and token
// in its environment. Configuration points the provider there; this plugin also covers a user's
// file that sets another address or key for one model, and marks the shells of an agent.
const PROVIDER = "opencode-go"
const { OCGO_KEY_GATEWAY: ADDRESS, OCGO_KEY_GATEWAY_TOKEN: TOKEN } = process.env

// aim returns the gateway's address for a request to url, whatever its base URL: the path after
// that says the format.
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
// token stay: an opencode that is run there, which is our shim, uses them to join the gateway and
// starts no service.
function mark({ env }) {
  env.OCGO_KEY_AGENT_SHELL = "1"
  if (env.OCGO_KEY_USER_CONTENT) env.OPENCODE_CONFIG_CONTENT = env.OCGO_KEY_USER_CONTENT
  else if (env.OPENCODE_CONFIG_CONTENT?.includes("ocgo-placeholder")) delete env.OPENCODE_CONFIG_CONTENT
  delete env.OCGO_KEY_USER_CONTENT
}

async function setup(ctx) {
  // A service that many clients share outlives the run, and its gateway.
  if (!ADDRESS || !TOKEN || !ctx?.session?.hook || process.argv.includes("--service")) return
  const each = async (task) => {
    try {
      await task()
    } catch {} // configuration has pointed the provider at the gateway; and one who throws loads not at all
  }
  await each(() => ctx.session.hook("http.request", redirect, { providerID: PROVIDER }))
  await each(() => ctx.shell.hook("create.before", mark))
}

export default { id: "ocgo-key-run", setup }
