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
  [ "$(head -n 1 "$work/body")" = "$origin" ] || return 1
  sed -n 's/^— [^ ]* //p' "$1" | head -n 1 | base64 -d 2>/dev/null | tail -c 64 > "$work/sig"
  openssl pkeyutl -verify -pubin -inkey "$work/log.der" -keyform DER -rawin \
    -in "$work/body" -sigfile "$work/sig" > "$work/out" 2>&1
}
root_in() { sed -n 3p "$1" | base64 -d | basenc --base16 -w0 | tr A-F a-f; }

# --- nothing is read through a link or from a pipe, and no giant
plain() { [ -z "$(find "$@" \( ! -type f ! -type d \) -o -type f -size +2G)" ]; }
# --- a bag's lists: every file as they say, and no other
listed() { # bag name
  local bag=$1 name=$2
  [ -z "$(cd "$bag" && find . -type f ! -path './data/*' | grep -vxE '\./(bagit|bag-info|(tag)?manifest-sha256|not-delivered)\.txt|\./attest/(evaluation\.intoto\.json|entry\.json|entry\.tlog-proof|checkpoint\.tsr|certs/(lead|reviewer|institution|timestamp)\.pem|crls/[0-9a-f]{16}\.crl)')" ] ||
    wrong "$name" "a file that no bag has"
  [ -z "$(cut -d: -f1 "$bag/bag-info.txt" | sort | uniq -d)$(grep -vE '^(External-Identifier|Bagging-Date|Payload-Oxum|Source-Organization|Workbench-(Map-Key|Render-Key|State|Outcome|Demonstration|Signed)): ?' "$bag/bag-info.txt")" ] ||
    wrong "$name" "bag-info has a line that no bag has"
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
  [ "$size" -le "$total" ] && [ "$(root_of "$work/leaves" "$size")" = "$(root_in "$work/note")" ] ||
    wrong "$name" "the ledger does not go on from the head in the bag"
}
# --- a report: three signatures, none broken, the last over all; the list it carries and prints
report() { # pdf name language
  local pdf=$1 name="$2 $3" n ends code pages
  cp "$pdf" "$work/report.pdf"; (cd "$work" && rm -f report.pdf.sig*; pdfsig -dump report.pdf > /dev/null 2>&1; pdfsig report.pdf > sigs 2>/dev/null)
  [ "$(grep -c 'Signature is Valid' "$work/sigs")" -eq 3 ] || wrong "$name" "not three valid signatures"
  [ "$(sed -n 's/.*Signature Field Name: //p' "$work/sigs" | tr '\n' ' ')" = "Sig_LeadAssessor Sig_Reviewer Sig_Institution " ] ||
    wrong "$name" "other signature fields"
  grep 'ocument signed' "$work/sigs" | tail -n 1 | grep -q 'Total document signed' && ! grep 'ocument signed' "$work/sigs" | tail -n 1 | grep -q Not ||
    wrong "$name" "the last signature does not cover the whole file"
  for n in 0 1 2; do
    read -r -a ends < <(grep 'Signed Ranges' "$work/sigs" | sed -n "$((n + 1))p" | tr -c '0-9\n' ' ')
    [ ${#ends[@]} -eq 4 ] && [ -f "$work/report.pdf.sig$n" ] || { wrong "$name" "signature $n cannot be read"; continue; }
    { head -c "${ends[1]}" "$work/report.pdf"; tail -c "+$((ends[2] + 1))" "$work/report.pdf" | head -c "$((ends[3] - ends[2]))"; } > "$work/signed"
    openssl cms -verify -binary -inform DER -in "$work/report.pdf.sig$n" -content "$work/signed" -CAfile "$work/roots.pem" \
      -purpose any -attime "$when" -out /dev/null > "$work/out" 2>&1 || wrong "$name" "signature $n: $(grep -v Error "$work/out" | tail -n 1)"
  done
  (cd "$work" && rm -rf attached && mkdir attached && pdfdetach -saveall -o attached report.pdf > /dev/null 2>&1)
  cmp -s "$work/attached/evidence-sha256.txt" "${pdf%/*}/evidence-sha256.txt" || wrong "$name" "carries another list of evidence"
  cmp -s "$work/attached/findings.json" "${pdf%/*}/findings.json" || wrong "$name" "carries other findings"
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
  [ "$(wc -l < "$work/leaves")" -ge "$total" ] && [ "$(root_of "$work/leaves" "$total")" = "$(root_in ledger/checkpoint)" ] ||
    wrong ledger "entries are not those that the head signs"
else
  wrong ledger "head not signed by $origin"; : > "$work/leaves"
fi
study=$(jq -r .study batch.json)
[ -z "${3:-}" ] || jq -rn --arg c "$3" '[inputs] as $all | range(0; $all|length) as $n | $all[$n]
  | select((.evidence_sha256 // "")|startswith($c)) | "code \($c): \(.study)/\(.community // "overview")/\(.edition // 1), entry \($n)"
  + ([range(0; $all|length) as $m | $all[$m] | select(.supersedes == $n) | "; \(if .type == "withdrawal" then "withdrawn" else "superseded" end) by entry \($m)"]|join(""))' ledger/entries.jsonl
issued=$(jq -r --arg s "$study" 'select(.study==$s and (.type=="report" or .type=="amendment"))|"\(.community) \(.edition)"' ledger/entries.jsonl)
[ -z "$(echo "$issued" | sort | uniq -d)" ] || wrong ledger "a report is entered twice"
jq -e 'select(.type=="withdrawal")' ledger/entries.jsonl > /dev/null && wrong ledger "a report was withdrawn: $(jq -c 'select(.type=="withdrawal")' ledger/entries.jsonl)"
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
  for pdf in "$bag"/data/report.*.pdf; do lang=${pdf%.pdf}; report "$pdf" "$name" "${lang##*.}"; done
  [ "$(jq -r '.pdf_sha256|keys|join(" ")' "$bag/attest/entry.json" 2>/dev/null)" = "$(cd "$bag/data" && for f in report.*.pdf; do f=${f%.pdf}; echo "${f##*.}"; done | sort | xargs)" ] ||
    wrong "$name" "a language is missing or added"
  stated "$bag" "$name" "$id"
  entered "$bag" "$name"
  echo "$issued" | grep -qx "$unit $edition" || wrong "$name" "not in the ledger"
done
wanted=$(jq '.states.signed' batch.json)
[ "$count" -eq "$wanted" ] || wrong batch "$count bags, batch.json counts $wanted signed"

# === the overview, when the batch is closed
closed=$(jq -c --arg s "$study" 'select(.study==$s and .type=="close")' ledger/entries.jsonl)
overview=overview
for bag in overview@*; do [ -f "$bag/attest/entry.json" ] && overview=$bag; done # closed after an amendment
if [ -n "$closed" ] && ! plain "$overview"; then
  wrong overview "missing, or links, special files or giants"
elif [ -n "$closed" ]; then
  when=$(date +%s)
  listed "$overview" overview
  stated "$overview" overview "$study/overview/$(case $overview in *@*) echo "${overview#*@}" ;; *) echo 1 ;; esac)"
  entered "$overview" overview
  [ "$(echo "$closed" | jq .units)" = "$(jq .units batch.json)" ] || wrong batch "closed with another number of units"
else
  echo "not checked: overview, which is signed when the batch is closed"
fi
[ "$faults" -eq 0 ] && echo "nothing wrong: $count bags, $total entries of $origin" && exit 0
echo "$faults wrong"; exit 1
