# An OpenLDAP server for benches, sourced by them: a folder $at, a port $port, people and groups below dc=x. Stopped at exit.
people=$1
usher=${USHER:-target/debug/usher}
at=$(mktemp -d)
port=$((20000 + RANDOM % 20000))
server=
stop() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$at"
}
trap stop EXIT
mkdir "$at/db"
schema=${USHER_TEST_LDAP_SCHEMA:-/etc/ldap/schema}
cat >"$at/slapd.conf" <<CONF
include $schema/core.schema
include $schema/cosine.schema
include $schema/inetorgperson.schema
modulepath ${USHER_TEST_LDAP_MODULES:-/usr/lib/ldap}
moduleload back_mdb
moduleload syncprov
moduleload ppolicy
pidfile $at/pid
sizelimit unlimited
database mdb
suffix dc=x
rootdn cn=admin,dc=x
rootpw only-for-benches
directory $at/db
maxsize 4294967296
index objectClass,entryUUID,entryCSN eq
overlay ppolicy
overlay syncprov
CONF
awk -v people="$people" 'BEGIN {
  print "dn: dc=x\nobjectClass: organization\nobjectClass: dcObject\no: X\ndc: x\n"
  print "dn: ou=people,dc=x\nobjectClass: organizationalUnit\nou: people\n"
  for (n = 0; n < people; n++)
    printf "dn: uid=p%d,ou=people,dc=x\nobjectClass: inetOrgPerson\nuid: p%d\ncn: Person %d\nsn: Name %d\ngivenName: Ann\nmail: p%d@x.example\ntelephoneNumber: +49 30 %d\nl: Berlin\ntitle: Engineer\ndepartmentNumber: %d\nemployeeNumber: %d\nmanager: uid=p%d,ou=people,dc=x\n\n", n, n, n, n, n, n, n % 50, n, int(n / 10)
  for (g = 0; g < people / 200; g++) {
    printf "dn: cn=g%d,dc=x\nobjectClass: groupOfNames\ncn: g%d\n", g, g
    for (n = 0; n < 100; n++) printf "member: uid=p%d,ou=people,dc=x\n", (g * 200 + n) % people
    print ""
  }
}' >"$at/in.ldif"
/usr/sbin/slapadd -q -f "$at/slapd.conf" -b dc=x -l "$at/in.ldif"
/usr/sbin/slapd -f "$at/slapd.conf" -d 0 -h "ldap://127.0.0.1:$port" &
server=$!
until ldapsearch -x -H "ldap://127.0.0.1:$port" -s base -b '' >/dev/null 2>&1; do sleep 0.1; done
export USHER_DATA="$at/data"
printf only-for-benches >"$at/password"
"$usher" directory create company >/dev/null
"$usher" source add ldap --directory company --kind ldap --url "ldap://127.0.0.1:$port" --base dc=x \
  --bind-dn cn=admin,dc=x --bind-password-file "$at/password" --full-every 1d >/dev/null
changed() { # LDIF changes on standard input
  ldapmodify -x -H "ldap://127.0.0.1:$port" -D cn=admin,dc=x -w only-for-benches >/dev/null
}
