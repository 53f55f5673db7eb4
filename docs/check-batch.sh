#!/usr/bin/env bash
# Check a batch without the workbench: check-batch.sh BATCH TRUST [CODE]
#
# TRUST is a folder of yours: root certificates (*.pem), the log's key (log.vkey), revocation lists
# (*.crl, PEM). Get them from the assessor by another way than the batch. Prints one line for each
# thing that is wrong and ends with 1, or says what it checked and ends with 0. With the CODE of a page it
# says first which report and edition that is, and what superseded or withdrew it.
# Needs bash, coreutils 8.31, findutils, jq, openssl 3 and poppler (pdfsig, pdfdetach, pdftotext).
set -u
export LC_ALL=C TZ=UTC
batch=$(cd "$1" && pwd) && trust=$(cd "$2" && pwd) || exit 2
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
faults=0
wrong() { echo "WRONG $1: $2"; faults=$((faults + 1)); }
sha() { sha256sum | cut -c1-64; }
cat "$trust"/*.pem > "$work/roots.pem"
crls=(); for list in "$trust"/*.crl; do [ -f "$list" ] && crls+=(-CRLfile "$list"); done
[ ${#crls[@]} -gt 0 ] && crls=(-crl_check "${crls[@]}")

# --- RFC 6962: hashes as hex; a proof leads from a leaf to the root; the root of a list of leaves
unhex() { tr a-f A-F | basenc --base16 -d; }
leaf() { { printf '\0'; cat; } | sha; }
node() { printf '01%s%s' "$1" "$2" | unhex | sha; }
included() { # leaf index size root proof...
  local found=$1 fn=$2 sn=$(($3 - 1)) root=$4; shift 4
  local part
  for part in "$@"; do
    [ "$sn" -eq 0 ] && return 1
    if [ $((fn & 1)) -eq 1 ] || [ "$fn" -eq "$sn" ]; then
      found=$(node "$part" "$found")
      while [ $((fn & 1)) -eq 0 ] && [ "$fn" -ne 0 ]; do fn=$((fn >> 1)) sn=$((sn >> 1)); done
    else
      found=$(node "$found" "$part")
    fi
    fn=$((fn >> 1)) sn=$((sn >> 1))
  done
  [ "$sn" -eq 0 ] && [ "$found" = "$root" ]
}
root_of() { # file of leaf hashes, number of leaves
  local stack=() sizes=() hash size
  while read -r hash; do
    size=1
    while [ ${#stack[@]} -gt 0 ] && [ "${sizes[-1]}" -eq "$size" ]; do
      hash=$(node "${stack[-1]}" "$hash"); size=$((size * 2))
      unset 'stack[-1]' 'sizes[-1]'
    done
    stack+=("$hash") sizes+=("$size")
  done < <(head -n "$2" "$1")
  hash=${stack[-1]}; unset 'stack[-1]'
  while [ ${#stack[@]} -gt 0 ]; do hash=$(node "${stack[-1]}" "$hash"); unset 'stack[-1]'; done
  echo "$hash"
}
# --- C2SP: a head is a note signed by the log's Ed25519 key
vkey=$(cat "$trust/log.vkey"); origin=${vkey%%+*} public=${vkey#*+}; public=${public#*+} # name+id+base64
{ printf '302a300506032b6570032100' | unhex; printf '%s' "$public" | base64 -d | tail -c 32; } > "$work/log.der"
head_signed() { # file of the note
  sed '/^$/,$d' "$1" > "$work/body"
  sed '1,/^$/d' "$1" | grep -qvE '^— [^ ]+ [A-Za-z0-9+/]+=*$' && return 1
  [ "$(head -n 1 "$work/body")" = "$origin" ] || return 1
  sed -n 's/^— [^ ]* //p' "$1" | head -n 1 | base64 -d 2>/dev/null | tail -c 64 > "$work/sig"
  openssl pkeyutl -verify -pubin -inkey "$work/log.der" -keyform DER -rawin \
    -in "$work/body" -sigfile "$work/sig" > "$work/out" 2>&1
}
declare -A roots
root_at() { # number of leaves: the root of the ledger's first ones, computed once
  [ -n "${roots[$1]:-}" ] || roots[$1]=$(root_of "$work/leaves" "$1")
  [ "${roots[$1]}" = "$2" ]
}
root_in() { sed -n 3p "$1" | base64 -d | basenc --base16 -w0 | tr A-F a-f; }

certificates() { # files: digest of each certificate in them
  awk -v to="$work/one" '/-----BEGIN/{n++} n{print > (to n ".pem")}' "$@" 2>/dev/null
  local file; for file in "$work"/one*.pem; do openssl x509 -in "$file" -outform DER 2>/dev/null | sha; done; rm -f "$work"/one*.pem
}
# --- nothing is read through a link or from a pipe, and no giant
plain() { [ -z "$(find "$@" \( ! -type f ! -type d \) -o -type f -size +2G)" ]; }
# --- a bag's lists: every file as they say, and no other
listed() { # bag name
  local bag=$1 name=$2
  [ -z "$(cd "$bag" && find . -type f ! -path './data/*' | grep -vxE '\./(bagit|bag-info|(tag)?manifest-sha256|not-delivered)\.txt|\./attest/(evaluation\.intoto\.json|entry\.json|entry\.tlog-proof|checkpoint\.tsr|certs/(lead|reviewer|institution|timestamp)\.pem|crls/[0-9a-f]{16}\.crl)')" ] ||
    wrong "$name" "a file that no bag has"
  [ -z "$(cut -d: -f1 "$bag/bag-info.txt" | sort | uniq -d)$(grep -vE '^(External-Identifier|Bagging-Date|Payload-Oxum|Source-Organization|Workbench-(Map-Key|Render-Key|State|Outcome|Demonstration|Signed)): ?' "$bag/bag-info.txt")" ] ||
    wrong "$name" "bag-info has a line that no bag has"
  printf 'BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n' | cmp -s - "$bag/bagit.txt" || wrong "$name" "bagit.txt is not that of BagIt 1.0"
  (cd "$bag" && sha256sum --quiet --strict -c manifest-sha256.txt tagmanifest-sha256.txt) > "$work/out" 2>&1 ||
    wrong "$name" "manifest: $(head -n 1 "$work/out")"
  [ "$(cd "$bag" && find data -type f | sort)" = "$(cut -c67- "$bag/manifest-sha256.txt" | sort)" ] ||
    wrong "$name" "files added or missing"
  (cd "$bag/data" && sha256sum --quiet --strict -c evidence-sha256.txt) > "$work/out" 2>&1 ||
    wrong "$name" "evidence: $(head -n 1 "$work/out")"
  [ "$(cd "$bag/data" && find . -type f | cut -c3- | grep -vxE 'report\.[^/]+|evidence-sha256\.txt|ro-crate-metadata\.json|renditions/.+' | sort)" = \
    "$(cut -c67- "$bag/data/evidence-sha256.txt" | sort)" ] || wrong "$name" "evidence added or missing"
}
# --- in-toto in DSSE: signed by a certificate that leads to your roots, about these very files
stated() { # bag name id
  local bag=$1 name=$2 file=$1/attest/evaluation.intoto.json cert type at ok=0
  [ -f "$file" ] || { wrong "$name" "no statement"; return; }
  type=$(jq -r .payloadType "$file"); jq -r .payload "$file" | base64 -d > "$work/st.json"
  { printf 'DSSEv1 %d %s %d ' ${#type} "$type" "$(wc -c < "$work/st.json")"; cat "$work/st.json"; } > "$work/pae"
  for cert in "$bag"/attest/certs/{institution,lead,reviewer}.pem; do # an outside seal signs the reports alone
    [ $ok -eq 0 ] && [ -f "$cert" ] || continue
    openssl x509 -in "$cert" -pubkey -noout > "$work/pub"
    for at in $(jq -r '.signatures[].sig' "$file"); do
      printf '%s' "$at" | base64 -d > "$work/sig"
      openssl dgst -sha256 -verify "$work/pub" -signature "$work/sig" "$work/pae" > "$work/out" 2>&1 && ok=1
    done
    [ $ok -eq 0 ] || openssl verify -CAfile "$work/roots.pem" -untrusted "$cert" ${crls[@]+"${crls[@]}"} -attime "$when" "$cert" > "$work/out" 2>&1 ||
      wrong "$name" "certificate of the statement: $(tail -n 1 "$work/out")"
  done
  [ $ok -eq 1 ] || wrong "$name" "statement: signed by nobody of the three"
  jq -r '(.subject[]|.digest.sha256+"  "+.name),(.predicate.buildDefinition.resolvedDependencies[]|.digest.sha256+"  "+.uri)' \
    "$work/st.json" > "$work/sums"
  (cd "$bag" && sha256sum --quiet --strict -c "$work/sums") > "$work/out" 2>&1 ||
    wrong "$name" "statement: $(head -n 1 "$work/out")"
  [ "$(cut -c67- "$work/sums" | sort)" = "$(cd "$bag" && find data manifest-sha256.txt -type f | sort)" ] ||
    wrong "$name" "statement: files added or missing"
  [ "$(jq -r '.predicate.runDetails.metadata.invocationId' "$work/st.json")" = "$3" ] ||
    wrong "$name" "statement: about another unit"
}
# --- the ledger's entry: under a signed head that your log's key signed, stamped, and in the batch's log
entered() { # bag name
  local bag=$1 name=$2 proof=$1/attest/entry.tlog-proof entry=$1/attest/entry.json index size hashes at
  [ -f "$entry" ] && [ -f "$proof" ] || { wrong "$name" "no entry or proof"; return; }
  [ "$(jq -r .statement_sha256 "$entry")" = "$(sha < "$work/st.json")" ] || wrong "$name" "entry: another statement"
  [ "$(jq -r .evidence_sha256 "$entry")" = "$(sha < "$bag/data/evidence-sha256.txt")" ] || wrong "$name" "entry: other evidence"
  sed '1,/^$/d' "$proof" > "$work/note"
  head_signed "$work/note" || { wrong "$name" "proof: head not signed by $origin"; return; }
  index=$(sed -n '2s/^index //p' "$proof"); size=$(sed -n 2p "$work/note")
  hashes=$(sed '1,2d;/^$/,$d' "$proof" | while read -r at; do printf '%s' "$at" | base64 -d | basenc --base16 -w0 | tr A-F a-f; echo; done)
  # shellcheck disable=SC2086
  included "$(leaf < "$entry")" "$index" "$size" "$(root_in "$work/note")" $hashes || wrong "$name" "proof: not in the log"
  if [ -f "$bag/attest/checkpoint.tsr" ]; then
    openssl ts -verify -data "$work/note" -in "$bag/attest/checkpoint.tsr" -CAfile "$work/roots.pem" > "$work/out" 2>&1 ||
      wrong "$name" "time stamp of the head"
  fi
  [ "$(sed -n "$((index + 1))p" "$batch/ledger/entries.jsonl")" = "$(cat "$entry")" ] || wrong "$name" "not as the ledger says"
  [ "$size" -le "$total" ] && root_at "$size" "$(root_in "$work/note")" ||
    wrong "$name" "the ledger does not go on from the head in the bag"
  grep -qx "$size $(root_in "$work/note")" "$work/heads" || wrong "$name" "the ledger does not keep the head in the bag"
  [ ! -f "$bag/attest/checkpoint.tsr" ] || cmp -s "$bag/attest/checkpoint.tsr" "ledger/stamps/$(printf %08d "$size").tsr" ||
    wrong "$name" "the ledger does not keep the stamp in the bag"
}
# --- a report: three signatures (an overview may bear the institution's alone), none broken, the last over all; the list it carries and prints
report() { # pdf name language [overview]
  local pdf=$1 name="$2 $3" n ends code pages fields wanted=3
  cp "$pdf" "$work/report.pdf"; (cd "$work" && rm -f report.pdf.sig*; pdfsig -dump report.pdf > /dev/null 2>&1; pdfsig report.pdf > sigs 2>/dev/null)
  fields=$(sed -n 's/.*Signature Field Name: //p' "$work/sigs" | tr '\n' ' ')
  [ "${4:-} $fields" != "overview Sig_Institution " ] || wanted=1
  [ "$(grep -c 'Signature is Valid' "$work/sigs")" -eq $wanted ] || wrong "$name" "not $wanted valid signatures"
  [ $wanted -eq 1 ] || [ "$fields" = "Sig_LeadAssessor Sig_Reviewer Sig_Institution " ] || wrong "$name" "other signature fields"
  grep 'ocument signed' "$work/sigs" | tail -n 1 | grep -q 'Total document signed' && ! grep 'ocument signed' "$work/sigs" | tail -n 1 | grep -q Not ||
    wrong "$name" "the last signature does not cover the whole file"
  for ((n = 0; n < wanted; n++)); do
    read -r -a ends < <(grep 'Signed Ranges' "$work/sigs" | sed -n "$((n + 1))p" | tr -c '0-9\n' ' ')
    [ ${#ends[@]} -eq 4 ] && [ -f "$work/report.pdf.sig$n" ] || { wrong "$name" "signature $n cannot be read"; continue; }
    { head -c "${ends[1]}" "$work/report.pdf"; tail -c "+$((ends[2] + 1))" "$work/report.pdf" | head -c "$((ends[3] - ends[2]))"; } > "$work/signed"
    openssl cms -verify -binary -inform DER -in "$work/report.pdf.sig$n" -content "$work/signed" -CAfile "$work/roots.pem" \
      -purpose any -attime "$when" -out /dev/null > "$work/out" 2>&1 || wrong "$name" "signature $n: $(grep -v Error "$work/out" | tail -n 1)"
  done
  (cd "$work" && rm -rf attached && mkdir attached && pdfdetach -saveall -o attached report.pdf > /dev/null 2>&1)
  cmp -s "$work/attached/evidence-sha256.txt" "${pdf%/*}/evidence-sha256.txt" || wrong "$name" "carries another list of evidence"
  [ "${4:-}" = overview ] || cmp -s "$work/attached/findings.json" "${pdf%/*}/findings.json" || wrong "$name" "carries other findings"
  code=$(sha < "${pdf%/*}/evidence-sha256.txt" | cut -c1-12)
  pages=$(pdftotext "$work/report.pdf" - 2>/dev/null | tr -cd '\f' | wc -c)
  [ "$pages" -gt 0 ] && [ "$(pdftotext "$work/report.pdf" - | tr '\f' '\001' | tr -d '\n ' | tr '\001' '\n' | grep -c "$code")" -eq "$pages" ] ||
    wrong "$name" "a page does not print $code"
  [ "$(jq -r ".pdf_sha256.$3" "${pdf%/data/*}/attest/entry.json" 2>/dev/null)" = "$(sha < "$pdf")" ] || wrong "$name" "entry: another report"
}

# === the ledger as a whole
cd "$batch" || exit 2
for part in communities overview ledger batch.json communities.jsonl; do
  [ -L "$part" ] && wrong batch "$part is a link"
done
plain ledger batch.json || wrong ledger "links, special files or giants"
[ "$faults" -eq 0 ] || { echo "$faults wrong"; exit 1; }
total=0; when=$(date +%s)
if head_signed ledger/checkpoint; then
  total=$(sed -n 2p ledger/checkpoint)
  while IFS= read -r line; do printf '%s' "$line" | leaf; done < ledger/entries.jsonl > "$work/leaves"
  [ "$(wc -l < "$work/leaves")" -ge "$total" ] && root_at "$total" "$(root_in ledger/checkpoint)" ||
    wrong ledger "entries are not those that the head signs"
else
  wrong ledger "head not signed by $origin"; : > "$work/leaves"
fi
# what is kept beside the entries: the key, every earlier head, their stamps, and nothing else
cmp -s ledger/log.vkey "$trust/log.vkey" || wrong ledger "log.vkey is not your log's key"
[ -z "$(ls -A ledger | grep -vxE 'entries\.jsonl|checkpoint|checkpoints\.jsonl|log\.vkey|offsets\.bin|hashes\.bin|stamps|\.lock')" ] ||
  wrong ledger "a file that no ledger has"
last=0; : > "$work/heads"
while IFS= read -r line; do
  printf '%s' "$line" | jq -rj .note > "$work/note"; size=$(printf '%s' "$line" | jq -r .size)
  head_signed "$work/note" && [ "$size" = "$(sed -n 2p "$work/note")" ] && [ "$size" -gt "$last" ] && [ "$size" -le "$total" ] &&
    root_at "$size" "$(root_in "$work/note")" || { wrong ledger "an earlier head ($size)"; break; }
  echo "$size $(root_in "$work/note")" >> "$work/heads"; last=$size
  [ ! -f "ledger/stamps/$(printf %08d "$size").tsr" ] ||
    openssl ts -verify -data "$work/note" -in "ledger/stamps/$(printf %08d "$size").tsr" -CAfile "$work/roots.pem" > "$work/out" 2>&1 ||
    wrong ledger "the stamp of the head of $size entries"
done < ledger/checkpoints.jsonl
[ "$last" -eq "$total" ] || wrong ledger "the newest head is not among those kept"
for size in $(jq -r 'select(.type=="open" or .type=="context" or .type=="close")|input_line_number' ledger/entries.jsonl); do
  grep -q "^$size " "$work/heads" || wrong ledger "the head of $size entries is not kept"
done
for file in ledger/stamps/*; do
  case ${file##*/} in
    '*') ;;
    renewed-*.txt) (cd ledger/stamps && sha256sum --quiet --strict -c "${file##*/}") > "$work/out" 2>&1 || wrong ledger "$file: $(head -n 1 "$work/out")" ;;
    renewed-*.tsr) openssl ts -verify -data "${file%.tsr}.txt" -in "$file" -CAfile "$work/roots.pem" > "$work/out" 2>&1 || wrong ledger "$file" ;;
    *) size=${file##*/}; size=${size%.tsr}; grep -q "^$((10#${size//[!0-9]/})) " "$work/heads" || wrong ledger "$file: no head of this ledger" ;;
  esac
done
# what lies beside, and what is handed on
[ -z "$(ls -A | grep -vxE 'batch\.json|communities(\.jsonl)?|ledger|trust|overview(@[0-9]+)?|private|failed|draws|environment|notice|\.lock(-[0-9]+-[0-9]+)?')" ] ||
  wrong batch "a file that no batch has"
if [ -d notice ]; then
  own=$(sha256sum notice/notice-sha256.txt | cut -d' ' -f1)
  [ "$own" = "$(jq -r --arg s "$(jq -r .study batch.json)" 'select(.type=="notice" and .study==$s)|.notice_sha256' ledger/entries.jsonl | tail -n 1)" ] ||
    wrong notice "not the newest notice in the ledger"
  (cd notice && sha256sum --quiet --strict -c notice-sha256.txt) > "$work/out" 2>&1 || wrong notice "$(head -n 1 "$work/out")"
  (cd notice && find . ! -type d ! -path ./notice-sha256.txt | cut -c3- | LC_ALL=C sort) > "$work/there"
  cut -c67- notice/notice-sha256.txt | LC_ALL=C sort | cmp -s - "$work/there" || wrong notice "files and list differ"
fi
if [ -d trust ]; then
  [ -z "$(ls -A trust | grep -vxE 'log\.vkey|root-[0-9a-f]{12}\.pem|list-[0-9a-f]{12}\.crl')" ] || wrong trust "a file that is not handed on"
  [ ! -e trust/log.vkey ] || cmp -s trust/log.vkey "$trust/log.vkey" || wrong trust "log.vkey is not your log's key"
  own=$(certificates "$work/roots.pem")
  [ -z "$(certificates trust/*.pem | grep -vxF "$own")" ] || wrong trust "a root that is none of yours"
fi
study=$(jq -r .study batch.json)
[ -z "${3:-}" ] || jq -rn --arg c "$3" '[inputs] as $all | range(0; $all|length) as $n | $all[$n]
  | select((.evidence_sha256 // "")|startswith($c)) | "code \($c): \(.study)/\(.community // "overview")/\(.edition // 1), entry \($n)"
  + ([range(0; $all|length) as $m | $all[$m] | select(.supersedes == $n) | "; \(if .type == "withdrawal" then "withdrawn" else "superseded" end) by entry \($m)"]|join(""))' ledger/entries.jsonl
issued=$(jq -r --arg s "$study" 'select(.study==$s and (.type=="report" or .type=="amendment"))|"\(.community) \(.edition)"' ledger/entries.jsonl)
[ -z "$(echo "$issued" | sort | uniq -d)" ] || wrong ledger "a report is entered twice"
jq -se 'any(.[]; .type=="withdrawal")' ledger/entries.jsonl > /dev/null && wrong ledger "a report was withdrawn: $(jq -c 'select(.type=="withdrawal")' ledger/entries.jsonl)"
echo "$issued" | while read -r unit edition; do
  [ -z "$unit" ] || [ -d "communities/$unit$([ "$edition" = 1 ] || echo "@$edition")" ] || echo "$unit"
done > "$work/gone"
[ -s "$work/gone" ] && wrong ledger "no bag of $(tr '\n' ' ' < "$work/gone")"

# === every bag
count=0
for bag in communities/*; do # amended editions, UNIT@2, among them
  name=${bag#communities/} unit=${bag#communities/}; unit=${unit%@*}; edition=1; [ "$unit" = "$name" ] || edition=${name#*@}
  [ -d "$bag" ] && [ ! -L "$bag" ] || { wrong "$name" "not a folder"; continue; }
  plain "$bag" || { wrong "$name" "links, special files or giants"; continue; }
  [ "$edition" != 1 ] || count=$((count + 1)); id="$study/$unit/$edition"; when=$(date +%s)
  if [ -f "$bag/attest/checkpoint.tsr" ]; then # judged at the time that the stamp proves
    when=$(date -d "$(openssl ts -reply -in "$bag/attest/checkpoint.tsr" -text 2>/dev/null | sed -n 's/^Time stamp: //p')" +%s) || when=$(date +%s)
  fi
  listed "$bag" "$name"
  grep -qx "External-Identifier: $id" "$bag/bag-info.txt" || wrong "$name" "bag-info names another unit"
  [ "$(jq -r '"\(.study)/\(.community)/\(.edition)"' "$bag/data/inputs/study.json")" = "$id" ] || wrong "$name" "study.json names another unit"
  grep -qx "Bagging-Date: $(jq -r .issued "$bag/data/inputs/study.json")" "$bag/bag-info.txt" || wrong "$name" "bag-info says another date"
  [ "$(jq -r '[.[].community]|unique|join(" ")' "$bag/data/findings.json")" = "$unit" ] || wrong "$name" "findings of another unit"
  [ "$(jq -c '[.issued, .seed]' batch.json)" = "$(jq -c '[.issued, .seed]' "$bag/data/inputs/study.json")" ] || wrong "$name" "batch.json says another day or seed"
  for pdf in "$bag"/data/report.*.pdf; do lang=${pdf%.pdf}; report "$pdf" "$name" "${lang##*.}"; done
  [ "$(jq -r '.pdf_sha256|keys|join(" ")' "$bag/attest/entry.json" 2>/dev/null)" = "$(cd "$bag/data" && for f in report.*.pdf; do f=${f%.pdf}; echo "${f##*.}"; done | sort | xargs)" ] ||
    wrong "$name" "a language is missing or added"
  stated "$bag" "$name" "$id"
  entered "$bag" "$name"
  echo "$issued" | grep -qx "$unit $edition" || wrong "$name" "not in the ledger"
done
wanted=$(jq '.states.signed' batch.json)
# the last line of a unit and edition counts; one torn by a crash is none
listed=$(jq -cR 'fromjson? | select(.community) | {key: "\(.community)@\(.edition // 1)", value: .state}' communities.jsonl | jq -s 'from_entries | [to_entries[] | select((.key | endswith("@1")) and .value == "signed")] | length')
[ "$listed" -eq "$wanted" ] || wrong batch "communities.jsonl lists $listed signed, batch.json counts $wanted"
[ "$count" -eq "$wanted" ] || wrong batch "$count bags, batch.json counts $wanted signed"

# === the overview, when the batch is closed
closed=$(jq -c --arg s "$study" 'select(.study==$s and .type=="close")' ledger/entries.jsonl)
overview=overview
for bag in $(ls -d overview@* 2> /dev/null | sort -V); do overview=$bag; done # of the newest amendment
frozen=$(jq -c --arg s "$study" 'select(.study==$s and .type=="context" and .read_sha256)' ledger/entries.jsonl)
for bag in overview overview@*; do # what the batch notebook read, as it was frozen
  [ -n "$frozen" ] && [ -d "$bag" ] && plain "$bag" || continue
  read=$(cd "$bag/data" && find inputs protocol -type f | sort | while IFS= read -r file; do sha256sum "$file"; done | sha)
  own=$(sha < "$bag/data/notebook.ipynb")
  echo "$frozen" | jq -se --arg n "$own" --arg r "$read" 'any(.[]; .notebook_sha256==$n and .read_sha256==$r)' > /dev/null ||
    wrong "$bag" "notebook, or what it read, not as it was frozen"
done
if [ ! -d "$overview" ] || ! plain "$overview"; then
  wrong overview "missing, or links, special files or giants"
elif [ -n "$closed" ]; then
  [ "$(echo "$closed" | tail -n 1 | jq .units)" = "$(jq .units batch.json)" ] || wrong batch "closed with another number of units"
else
  echo "not checked: the table of all results, which is signed when the batch is closed"
fi
for bag in overview overview@*; do # signed at a closing; of those made after it, the newest has to be
  [ -d "$bag" ] && plain "$bag" || continue
  listed "$bag" "$bag"
  if [ -d "$bag/attest" ] || { [ "$closed" ] && [ "$bag" = "$overview" ]; }; then
    when=$(date +%s)
    stated "$bag" "$bag" "$study/overview/$(case $bag in *@*) echo "${bag#*@}" ;; *) echo 1 ;; esac)"
    entered "$bag" "$bag"
    for pdf in "$bag"/data/report.*.pdf; do lang=${pdf%.pdf}; report "$pdf" "$bag" "${lang##*.}" overview; done
    [ "$(jq -c '.pdf_sha256|keys' "$bag/attest/entry.json" 2> /dev/null)" = "$(cd "$bag/data" && for f in report.*.pdf; do f=${f%.pdf}; echo "${f##*.}"; done | sort | jq -Rnc '[inputs]')" ] ||
      wrong "$bag" "a language is missing or added"
  elif ls "$bag"/data/report.* > /dev/null 2>&1; then
    wrong "$bag" "a report, which is made and signed at closing only"
  fi
done
[ "$faults" -eq 0 ] && echo "nothing wrong: $count bags, $total entries of $origin" && exit 0
echo "$faults wrong"; exit 1
