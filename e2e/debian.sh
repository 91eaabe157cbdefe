# Runs the command that follows a folder as if the machine were an empty copy of itself: what it changes below
# FOLDER/all is gone when it ends. Usage: sh debian.sh FOLDER COMMAND…, as the first process of unshare --mount --pid.
# Exits with 77 if this user may not do that.
root=$1
shift
mount -t tmpfs -o mode=0755 tmpfs "$root" && mkdir "$root/upper" "$root/work" "$root/all" &&
	mount -t overlay -o "lowerdir=/,upperdir=$root/upper,workdir=$root/work" overlay "$root/all" &&
	mount -t proc proc "$root/all/proc" && mount --rbind /dev "$root/all/dev" || exit 77
exec "$@"
