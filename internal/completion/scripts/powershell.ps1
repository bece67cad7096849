# PowerShell completion for ocgo-key, for Windows PowerShell 5.1 and PowerShell 7.

Register-ArgumentCompleter -Native -CommandName 'ocgo-key', 'ocgo-key.exe' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $elements = @($commandAst.CommandElements | Where-Object { $_.Extent.StartOffset -lt $cursorPosition })
    $program = $elements[0].Extent.Text.Trim("'", '"')
    $last = $elements.Count - 1
    if ($wordToComplete -ne '') { $last-- }
    $words = @()
    for ($i = 1; $i -le $last; $i++) {
        $element = $elements[$i]
        if ($element -is [System.Management.Automation.Language.StringConstantExpressionAst]) {
            $words += $element.Value
        } else {
            $words += $element.Extent.Text
        }
    }
    # PowerShell drops an empty argument, so "=" precedes the last word.
    $words += "=$wordToComplete"

    $encoding = [Console]::OutputEncoding
    try {
        [Console]::OutputEncoding = [System.Text.UTF8Encoding]::new($false)
        $answer = @(& $program __complete powershell @words 2>$null)
    } catch {
        return
    } finally {
        [Console]::OutputEncoding = $encoding
    }
    if ($answer.Count -eq 0) { return }

    $kind, $rest = $answer[0] -split ' ', 2
    switch ($kind) {
        'values' {
            if ($answer.Count -eq 1) { return '' } # no completion, and no file names either
            foreach ($line in $answer[1..($answer.Count - 1)]) {
                $text, $shown, $tip = $line -split "`t", 3
                [System.Management.Automation.CompletionResult]::new($text, $shown, 'ParameterValue', $tip)
            }
        }
        'command' {
            $first = [int]$rest + 1
            if ($first -lt $elements.Count) {
                $start = $elements[$first].Extent.StartOffset
                $text = $commandAst.Extent.StartScriptPosition.GetFullScript().Substring($start, $cursorPosition - $start)
                [System.Management.Automation.CommandCompletion]::CompleteInput($text, $text.Length, $null).CompletionMatches
            }
        }
    }
}
