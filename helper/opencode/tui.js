// ocgo-key plugin 2
// Written by ocgo-key; your changes to this file will be lost.
//
// The full screen of OpenCode 2 and the server that sends the requests are different processes, and
// a server cannot show a toast. The texts to show come through a file, which holds no secret.
import { readFileSync, statSync } from "node:fs"

const NOTICES = "@NOTICES@"
const UNDER_RUN = "@UNDER_RUN@" // whether `ocgo-key run` wrote this file; it and the installed file show different notices
const LOOK = 500 // time in ms between two checks of the file

// forget removes the placeholder that `/connect` has stored for our method: without ocgo-key the
// placeholder would take precedence over other keys. OpenCode stores the placeholder shortly after
// the notice that the account was added.
async function forget(client, tries = 10) {
  const { data } = await client.integration.get({ integrationID: "opencode-go" })
  const ours = (data?.connections ?? []).filter(({ type, label }) => type === "credential" && label === "ocgo-key")
  for (const { id } of ours) await client.credential.remove({ credentialID: id })
  if (ours.length === 0 && tries > 1) setTimeout(() => forget(client, tries - 1).catch(() => {}), LOOK).unref?.()
}

async function setup(context) {
  if (!context?.ui?.toast || Boolean(process.env.OCGO_KEY_GATEWAY) !== UNDER_RUN) return
  let since = performance.timeOrigin // skip notices from before the start of this screen
  let seen
  const look = () => {
    try {
      const { mtimeMs, size } = statSync(NOTICES)
      if (seen === `${mtimeMs} ${size}`) return
      seen = `${mtimeMs} ${size}`
      for (const { time, text, variant } of JSON.parse(readFileSync(NOTICES, "utf8"))) {
        if (time <= since) continue
        since = time
        context.ui.toast.show({ title: "ocgo-key", message: text, variant, duration: 10000 })
        if (variant === "success") forget(context.client).catch(() => {}) // a placeholder that stays does little harm
      }
    } catch {} // the file does not exist yet
  }
  const timer = setInterval(look, LOOK)
  timer.unref?.()
  look()
  return () => clearInterval(timer)
}

export default { id: "@ID@", setup }
