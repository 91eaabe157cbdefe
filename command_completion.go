package main

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// complete prints what makes a shell complete the commands and what follows them.
func complete(_ context.Context, in invocation) error {
	script, ok := map[string]func() string{"bash": completeInBash, "zsh": completeInZsh, "fish": completeInFish}[in.operands[0]]
	if !ok {
		return usage("completion takes %s", shells)
	}
	_, err := io.WriteString(in.stdout, script())
	return err
}

const shells = "bash|zsh|fish"

var (
	optionOf = regexp.MustCompile(`--[a-z-]+`)
	choiceOf = regexp.MustCompile(`[a-z]+(?:\|[a-z]+)+`)
)

// words returns the words that may follow a command as they stand: its options, and one of a choice.
func (c command) words() []string {
	words := optionOf.FindAllString(c.operands, -1)
	if choice := choiceOf.FindString(c.operands); choice != "" {
		words = append(words, strings.Split(choice, "|")...)
	}
	return words
}

// takesFile reports whether a path may follow.
func (c command) takesFile() bool { return strings.Contains(c.operands, "FILE") }

func completeInBash() string {
	var names, cases strings.Builder
	for _, c := range commands() {
		names.WriteString(c.name + " ")
		if words := c.words(); len(words) > 0 {
			fmt.Fprintf(&cases, "\t%s) words='%s' ;;\n", c.name, strings.Join(words, " "))
		}
		if c.takesFile() {
			fmt.Fprintf(&cases, "\t%s) files=-f ;;\n", c.name)
		}
	}
	return `# Completes userorder in bash: source <(userorder completion bash)
_userorder() {
	local words= files= reply
	case ${COMP_WORDS[1]} in
` + cases.String() + `	esac
	if [ "$COMP_CWORD" -eq 1 ]; then words='` + strings.TrimSpace(names.String()) + `' files=; fi
	COMPREPLY=()
	while IFS= read -r reply; do COMPREPLY+=("$reply"); done < <(compgen $files -W "$words" -- "${COMP_WORDS[COMP_CWORD]}")
}
complete -o filenames -F _userorder userorder
`
}

func completeInZsh() string {
	var names, cases strings.Builder
	for _, c := range commands() {
		fmt.Fprintf(&names, "\t\t%s\n", quoted(c.name+":"+c.about))
		if words := c.words(); len(words) > 0 {
			fmt.Fprintf(&cases, "\t%s) compadd -- %s ;;\n", c.name, strings.Join(words, " "))
		}
		if c.takesFile() {
			fmt.Fprintf(&cases, "\t%s) _files ;;\n", c.name)
		}
	}
	return `#compdef userorder
# Completes userorder in zsh: source <(userorder completion zsh), or a file _userorder in a folder of fpath.
_userorder() {
	local -a names=(
` + names.String() + `	)
	if ((CURRENT == 2)); then
		_describe command names
		return
	fi
	case $words[2] in
` + cases.String() + `	esac
}
if [[ $funcstack[1] == _userorder ]]; then _userorder "$@"; else compdef _userorder userorder; fi
`
}

func completeInFish() string {
	var script strings.Builder
	script.WriteString("# Completes userorder in fish: userorder completion fish | source\ncomplete -c userorder -f\n")
	for _, c := range commands() {
		fmt.Fprintf(&script, "complete -c userorder -n __fish_use_subcommand -a %s -d %s\n", c.name, quoted(c.about))
		after := fmt.Sprintf("complete -c userorder -n '__fish_seen_subcommand_from %s'", c.name)
		if c.takesFile() {
			fmt.Fprintf(&script, "%s -F\n", after)
		}
		for _, word := range c.words() {
			if option, ok := strings.CutPrefix(word, "--"); ok {
				fmt.Fprintf(&script, "%s -l %s\n", after, option)
			} else {
				fmt.Fprintf(&script, "%s -a %s\n", after, word)
			}
		}
	}
	return script.String()
}

// quoted returns text as one word of a shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
